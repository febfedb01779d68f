/**
 * Completes the runs whose items have all ended; the watermark moves with them.
 *
 * @module
 */
import { outcomeOf } from '../ledger/item-ledger.ts';
import { isOpen, type StoredRun } from '../ledger/run-ledger.ts';
import { isBalanced } from './count-run.ts';
import type { Pipeline } from './pipeline.ts';
import { countRun } from './report-items.ts';

/** Stops at the first pending item, so that looking at a run under way costs little. */
async function hasPending(pipeline: Pipeline, run: StoredRun): Promise<boolean> {
  for await (const row of pipeline.ledger.items.ofRun(run.runId)) {
    if (outcomeOf(row) === 'pending') return true;
  }
  return false;
}

/** @returns how many runs are not complete. */
export async function closeRuns(pipeline: Pipeline): Promise<number> {
  const { ledger, log, now } = pipeline;
  let open = 0;
  for (const run of await ledger.runs.all()) {
    if (!isOpen(run)) continue;
    if (run.listedAt === undefined || (await hasPending(pipeline, run))) {
      open += 1;
      continue;
    }
    const counts = await countRun(pipeline, run.runId);
    if (!isBalanced(counts)) {
      // An item came back (a reprocess) between the two readings.
      open += 1;
      continue;
    }
    const at = now();
    if (!(await ledger.runs.completed(run, counts, at))) continue;
    if (counts.availableFromSource === 0) log.info(`No items ingested on ${run.to.slice(0, 10)}`, { runId: run.runId });
    log.info('run.completed', {
      runId: run.runId,
      ...counts,
      relisted: run.relisted,
      durationMs: at.getTime() - Date.parse(run.startedAt),
    });
  }
  return open;
}
