/** HTTP: re-checks a past run, and tells how far that has got. @module */
import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { z } from 'zod';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { readReconciliation, startReconciliation } from '../shared/pipeline/reconcile-run.ts';
import type { Reconciliation } from '../shared/pipeline/reconcile-state.ts';
import { settings } from './archiver.ts';
import { answer, forRole, readBody } from './http.ts';

const runId = z.string().regex(/^[a-z0-9-]{1,64}$/, 'expected the id of a run');
const startBody = z.strictObject({ runId });

function show({ runId, number, report, startedAt, finishedAt, notBefore, counts, problems, problemKinds }: Reconciliation): object {
  const state = finishedAt === undefined ? (notBefore === '' ? 'running' : 'waiting') : 'finished';
  return { runId, number, state, startedAt, finishedAt, report, checked: counts, problems, problemsByKind: problemKinds };
}

const start = async (pipeline: Pipeline, request: HttpRequest, caller: string): Promise<HttpResponseInit> => {
  const { data } = startBody.safeParse(await readBody(request));
  if (data === undefined) return { status: 400, jsonBody: { error: 'expected {"runId": "<id of a run>"}' } };
  const started = await startReconciliation(pipeline, data.runId, caller);
  if (started === 'no-such-run') return { status: 404, jsonBody: { error: 'There is no such run.' } };
  if (started === 'not-listed') return { status: 409, jsonBody: { error: 'The run is still being listed: try again later.' } };
  return { status: 202, headers: { Location: `/api/reconcile/${started.runId}` }, jsonBody: show(started) };
};

const status = (pipeline: Pipeline, request: HttpRequest) =>
  answer(runId, request.params['runId'], async (id) => await readReconciliation(pipeline, id).then((found) => found && show(found)));

if (settings !== undefined) {
  const anonymous = { authLevel: 'anonymous' } as const;
  app.http('startReconciliation', { ...anonymous, methods: ['POST'], route: 'reconcile', handler: forRole('Archive.Operator', start) });
  app.http('showReconciliation', {
    ...anonymous,
    methods: ['GET'],
    route: 'reconcile/{runId}',
    handler: forRole('Archive.Reader', status),
  });
}
