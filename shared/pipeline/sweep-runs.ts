/**
 * What has to be looked after between the daily starts, in one go: interrupted listings, lost items, runs that are done.
 *
 * @module
 */
import { keepAuditHead } from '../audit/keep-head.ts';
import { describeError } from '../errors.ts';
import { closeRuns } from './close-runs.ts';
import { listDailyItems } from './list-daily-items.ts';
import { measureParked } from '../telemetry/measure-parked.ts';
import { advanceReconciliations } from './reconcile-run.ts';
import type { Pipeline } from './pipeline.ts';
import { settleParked } from './settle-parked.ts';
import { freeMappedItems } from './parked-items.ts';
import { sweepItems } from './sweep-items.ts';

/**
 * One task that fails does not keep the others from being done.
 *
 * @throws Error that names all tasks that failed.
 */
export async function sweepRuns(pipeline: Pipeline): Promise<void> {
  const tasks = {
    'list the rest of an interrupted run': () => listDailyItems(pipeline, 'sweep'),
    'free the items that a changed mapping maps': () => freeMappedItems(pipeline),
    'enqueue lost items again': () => sweepItems(pipeline),
    'find out what is in doubt of parked items': () => settleParked(pipeline),
    'complete finished runs': () => closeRuns(pipeline),
    'go on with reconciliations': () => advanceReconciliations(pipeline),
    // After the tasks that write to it.
    'follow the audit log': () => keepAuditHead(pipeline),
    'measure what is parked': () => measureParked(pipeline),
  };
  const failures: string[] = [];
  for (const [task, work] of Object.entries(tasks)) {
    try {
      await work();
    } catch (error) {
      failures.push(`could not ${task}: ${describeError(error)}`);
      pipeline.log.error('sweep.failed', { task, error: describeError(error) });
    }
  }
  if (failures.length > 0) throw new Error(failures.join('; '));
}
