/**
 * Makes up for rows that the table of items has lost: a run whose listing named more items than there are rows.
 *
 * @module
 */
import type { RunRow } from '../ledger/run-ledger.ts';
import { enqueue } from './list-daily-items.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Makes the missing rows again and enqueues their items. What an item's deliveries had come to is in rows of their own, and its bytes are
 * where they were, so nothing is imported twice, and the source need not have the item any more. Done again after a crash, it finds what
 * is still missing.
 *
 * @returns how many items were missing and are under way again.
 * @throws the errors of storage.
 */
export async function restoreItems(pipeline: Pipeline, run: RunRow): Promise<number> {
  const { ledger, log } = pipeline;
  const restored = await ledger.items.restoreLost(run, (items) => enqueue(pipeline, items));
  log.warn('run.items-restored', { runId: run.runId, restored });
  return restored;
}
