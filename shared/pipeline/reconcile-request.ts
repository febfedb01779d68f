/**
 * What an operator asks to have re-checked: one run, or every run whose window ends on a day.
 *
 * @module
 */
import { z } from 'zod';
import { reportFolder } from '../reports/report-names.ts';
import type { Pipeline } from './pipeline.ts';
import { startReconciliation } from './reconcile-run.ts';
import type { Reconciliation } from './reconcile-state.ts';

const EITHER = 'expected {"runId": "<id of a run>"} or {"day": "yyyy-mm-dd"}';

/** Id of a run as it comes from outside. */
export const runIdSchema = z.string().regex(/^[a-z0-9-]{1,64}$/, 'expected the id of a run');

const requestSchema = z
  .strictObject(
    { runId: runIdSchema.optional(), day: z.iso.date('expected a day, yyyy-mm-dd').optional() },
    // Not an object at all, such as a body that is no JSON.
    { error: ({ code }) => (code === 'invalid_type' ? EITHER : undefined) },
  )
  .refine(({ runId, day }) => (runId === undefined) !== (day === undefined), EITHER);

/** A request that was checked. */
export type ReconcileRequest = { readonly runId: string } | { readonly day: string };

/** Reads the body of a request. @returns what is wrong with it, field by field, where it is not one. */
export function readReconcileRequest(body: unknown): ReconcileRequest | { readonly refusal: string } {
  const { data, error } = requestSchema.safeParse(body);
  if (data?.day !== undefined) return { day: data.day };
  if (data?.runId !== undefined) return { runId: data.runId };
  const problems = (error?.issues ?? []).map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': '));
  return { refusal: problems.join('; ') };
}

/** What was begun: nothing at all where there is no such run. */
export interface BegunReconciliations {
  /** Those that are under way now. */
  readonly reconciliations: readonly Reconciliation[];
  /** Runs that are still being listed, so that they cannot be re-checked yet. */
  readonly notListed: readonly string[];
}

/**
 * Begins what was asked for; the sweep does it.
 *
 * @param by - Who asked for it, for the audit log.
 */
export async function beginReconciliations(pipeline: Pipeline, asked: ReconcileRequest, by: string): Promise<BegunReconciliations> {
  const reconciliations: Reconciliation[] = [];
  const notListed: string[] = [];
  for (const runId of 'day' in asked ? await runsOfDay(pipeline, asked.day) : [asked.runId]) {
    const started = await startReconciliation(pipeline, runId, by);
    if (started === 'not-listed') notListed.push(runId);
    else if (started !== 'no-such-run') reconciliations.push(started);
  }
  return { reconciliations, notListed };
}

/** The day is the one that the reports of a run lie under. */
async function runsOfDay({ ledger }: Pipeline, day: string): Promise<string[]> {
  const runs = await ledger.runs.all();
  return runs.filter((run) => reportFolder(run) === day).map(({ runId }) => runId);
}
