/**
 * Makes up for rows that the table of items has lost: a run whose listing named more items than there are rows is listed again.
 *
 * @module
 */
import type { RunRow } from '../ledger/run-ledger.ts';
import { enqueue } from './list-daily-items.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Lists the window of a run once more, makes the rows again that are missing and enqueues their items. What an item's deliveries had
 * come to is in rows of their own, so nothing is imported twice. Done again after a crash, it finds what is still missing.
 *
 * @returns how many items were missing and are under way again.
 * @throws the errors of the source and of storage.
 */
export async function restoreItems(pipeline: Pipeline, run: RunRow): Promise<number> {
  const { source, ledger, log } = pipeline;
  const window = { from: new Date(run.from), to: new Date(run.to) };
  let restored = 0;
  let cursor: string | undefined;
  do {
    const page = await source.listPage(window, cursor);
    const items = await ledger.items.restoreListed(run, page.items);
    await enqueue(pipeline, items);
    restored += items.length;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  log.warn('run.items-restored', { runId: run.runId, restored });
  return restored;
}
