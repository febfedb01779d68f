/** HTTP: follows the audit log and names the first line that is not what was written. @module */
import { app, type HttpRequest } from '@azure/functions';
import { z } from 'zod';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { settings } from './archiver.ts';
import { answer, forRole } from './http.ts';

const day = z.iso.date('expected a day in UTC, yyyy-mm-dd').optional();
const verifyQuery = z
  .strictObject({ from: day, to: day })
  .refine(({ from = '', to = '9999-12-31' }) => from <= to, { path: ['to'], error: 'expected a day that is not before from' });

const verify = ({ audit, ledger }: Pipeline, request: HttpRequest) =>
  answer(verifyQuery, Object.fromEntries(request.query), async (days) => audit.verify(await ledger.runs.auditCheckpoints(), days));

if (settings !== undefined) {
  app.http('verifyAudit', {
    authLevel: 'anonymous',
    methods: ['GET'],
    route: 'audit/verify',
    handler: forRole('Archive.Reader', verify),
  });
}
