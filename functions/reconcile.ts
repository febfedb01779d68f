/** HTTP: re-checks past runs, and tells how far that has got. @module */
import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { beginReconciliations, readReconcileRequest, runIdSchema } from '../shared/pipeline/reconcile-request.ts';
import { readReconciliation } from '../shared/pipeline/reconcile-run.ts';
import type { Reconciliation } from '../shared/pipeline/reconcile-state.ts';
import { settings } from './archiver.ts';
import { answer, forRole, readBody } from './http.ts';

function show({ runId, number, report, startedAt, finishedAt, notBefore, counts, problems, problemKinds }: Reconciliation): object {
  const state = finishedAt === undefined ? (notBefore === '' ? 'running' : 'waiting') : 'finished';
  return { runId, number, state, startedAt, finishedAt, report, checked: counts, problems, problemsByKind: problemKinds };
}

const start = async (pipeline: Pipeline, request: HttpRequest, caller: string): Promise<HttpResponseInit> => {
  const refuse = (status: number, error: string) => ({ status, jsonBody: { error } });
  const asked = readReconcileRequest(await readBody(request));
  if ('refusal' in asked) return refuse(400, asked.refusal);
  const { reconciliations, notListed } = await beginReconciliations(pipeline, asked, caller);
  const [first] = reconciliations;
  if (first === undefined && notListed.length > 0) return refuse(409, 'The run is still being listed: try again later.');
  if (first === undefined) return refuse(404, 'day' in asked ? 'There is no run that ends on that day.' : 'There is no such run.');
  if ('day' in asked) return { status: 202, jsonBody: { reconciliations: reconciliations.map(show), notListed } };
  return { status: 202, headers: { Location: `/api/reconcile/${first.runId}` }, jsonBody: show(first) };
};

const status = async (pipeline: Pipeline, request: HttpRequest): Promise<HttpResponseInit> => {
  const answered = await answer(runIdSchema, request.params['runId'], async (id) =>
    readReconciliation(pipeline, id).then((found) => found && show(found)),
  );
  return answered.status === 404 ? { status: 404, jsonBody: { error: 'There is no reconciliation of that run.' } } : answered;
};

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
