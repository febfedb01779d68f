/** HTTP: follows the audit log and names the first line that is not what was written. @module */
import { app, type HttpResponseInit } from '@azure/functions';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { settings } from './archiver.ts';
import { forRole } from './http.ts';

const verify = async ({ audit, ledger }: Pipeline): Promise<HttpResponseInit> => ({
  jsonBody: await audit.verify(await ledger.runs.auditCheckpoints()),
});

if (settings !== undefined) {
  app.http('verifyAudit', {
    authLevel: 'anonymous',
    methods: ['GET'],
    route: 'audit/verify',
    handler: forRole('Archive.Reader', verify),
  });
}
