/**
 * Re-checks a past run against the mailboxes and the raw items, a little in each sweep, and reports what was lost or altered since.
 *
 * @module
 */
import { describeError } from '../errors.ts';
import type { StoredRun } from '../ledger/run-ledger.ts';
import { reportFolder, reportName } from '../reports/report-names.ts';
import { holdLease } from '../storage/hold-lease.ts';
import type { Pipeline } from './pipeline.ts';
import { reconcileSteps } from './reconcile-steps.ts';
import { noneChecked } from './reconcile-problems.ts';
import { openReconciliations, readState, writeState, type Reconciliation } from './reconcile-state.ts';

/** Items of one call: at some 50 a second, well within the ten minutes between two sweeps. */
const ITEMS_PER_CALL = 5_000;

async function findRun(pipeline: Pipeline, runId: string): Promise<StoredRun | undefined> {
  return (await pipeline.ledger.runs.all()).find((run) => run.runId === runId);
}

async function nextNumber({ storage }: Pipeline, run: StoredRun): Promise<number> {
  let last = 0;
  const prefix = `${reportFolder(run)}/${run.runId}-reconciliation-`;
  for await (const { name } of storage.containers.reports.listBlobsFlat({ prefix })) {
    last = Math.max(last, Number.parseInt(name.slice(prefix.length), 10));
  }
  return last + 1;
}

/**
 * Begins a reconciliation; the sweep does it.
 *
 * @param by - Who asked for it, for the audit log.
 * @returns the one that is under way already, where there is one; `no-such-run`; `not-listed` for a run that is still being listed.
 * @throws the errors of storage.
 */
export async function startReconciliation(
  pipeline: Pipeline,
  runId: string,
  by: string,
): Promise<Reconciliation | 'no-such-run' | 'not-listed'> {
  const { audit, now } = pipeline;
  const run = await findRun(pipeline, runId);
  if (run === undefined) return 'no-such-run';
  if (run.listedAt === undefined) return 'not-listed';
  const last = await readState(pipeline, runId);
  if (last !== undefined && last.state.finishedAt === undefined) return last.state;
  const number = Math.max(await nextNumber(pipeline, run), (last?.state.number ?? 0) + 1);
  const state: Reconciliation = {
    runId,
    number,
    report: reportName(run, `-reconciliation-${number}`, 1, 'json'),
    startedAt: now().toISOString(),
    shard: 0,
    after: '',
    counts: noneChecked,
    problems: 0,
    problemKinds: {},
    step: 0,
    blocks: [],
    stalls: 0,
    notBefore: '',
  };
  await audit.record({ event: 'operator.reconcile', runId, number, by });
  if ((await writeState(pipeline, state, last?.etag)) !== undefined) return state;
  // Somebody began one at the same moment.
  return (await readState(pipeline, runId))?.state ?? state;
}

/**
 * The last reconciliation of a run, or undefined where there was none.
 *
 * @throws the errors of storage.
 */
export async function readReconciliation(pipeline: Pipeline, runId: string): Promise<Reconciliation | undefined> {
  return (await readState(pipeline, runId))?.state;
}

async function advance(pipeline: Pipeline, runId: string, items: number, signal: AbortSignal): Promise<number> {
  const stored = await readState(pipeline, runId);
  if (stored === undefined || stored.state.finishedAt !== undefined) return 0;
  const run = await findRun(pipeline, runId);
  if (run === undefined) throw new Error(`The reconciliation of run ${runId} cannot go on: the ledger no longer has the run.`);
  return reconcileSteps(pipeline, run, stored, items, signal);
}

/**
 * Goes on with the reconciliations that are under way, one instance at a time.
 *
 * @param items - How many items are checked, at most and roughly. @defaultValue 5,000
 * @returns how many reconciliations are still under way.
 * @throws Error that names the reconciliations that failed; they go on with the next call.
 */
export async function advanceReconciliations(pipeline: Pipeline, items: number = ITEMS_PER_CALL): Promise<number> {
  const { storage, archiver } = pipeline;
  const open = await openReconciliations(pipeline);
  if (open.length === 0) return 0;
  const failures: string[] = [];
  await holdLease(storage.containers.reports, `locks/${archiver.id}-reconciliations`, 0, async (signal) => {
    let left = items;
    for (const runId of open) {
      if (left <= 0) return;
      try {
        left -= await advance(pipeline, runId, left, signal);
      } catch (error) {
        failures.push(`${runId}: ${describeError(error)}`);
      }
    }
  });
  if (failures.length > 0) throw new Error(`Reconciliations failed and are tried again: ${failures.join('; ')}`);
  return (await openReconciliations(pipeline)).length;
}

/**
 * Re-checks a run in one go, for the command line.
 *
 * @returns the reconciliation: without `finishedAt` where a mailbox asked us to wait (`notBefore`), so that the sweep goes on with it.
 * @throws Error where there is no such run, or it is still being listed.
 */
export async function reconcileRun(pipeline: Pipeline, runId: string, by: string): Promise<Reconciliation> {
  const started = await startReconciliation(pipeline, runId, by);
  if (started === 'no-such-run') throw new Error(`There is no run ${runId}.`);
  if (started === 'not-listed') throw new Error(`Run ${runId} is still being listed: try again later.`);
  await advanceReconciliations(pipeline, Number.POSITIVE_INFINITY);
  return (await readReconciliation(pipeline, runId)) ?? started;
}
