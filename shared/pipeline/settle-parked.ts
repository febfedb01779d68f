/**
 * Finds out what a parked item has left in doubt: whether copies were made, and what interrupted uploads left in staging folders.
 *
 * @module
 */
import { describeError, RetryAfterError } from '../errors.ts';
import { identityOf, isParked, type ParkedRow, type StoredItem } from '../ledger/item-row.ts';
import { settleDeliveries } from './deliver-item.ts';
import { openItem } from './open-item.ts';
import { outcomeFor } from './park-item.ts';
import { reprocessItem } from './parked-items.ts';
import type { Pipeline } from './pipeline.ts';

async function settleItem(pipeline: Pipeline, row: StoredItem, etag: string): Promise<void> {
  const { ledger, importer } = pipeline;
  const { runId, itemKey, size, sha256, arrivedAt, reason } = row;
  if (size === undefined || sha256 === undefined || reason === undefined || reason === '') return;
  const { contentKey, content } = await openItem(pipeline, { ...identityOf(row), size, sha256 });
  // Too large for the limit of today: a copy of it cannot be compared until the limit is raised again.
  if (content === undefined) return;
  const composed = importer.compose({ contentKey, sha256, arrivedAt, ...content });
  const deliveries = await settleDeliveries(pipeline, { runId, contentKey }, composed, reason);
  if (row.discardedAt === undefined && deliveries.every(({ state }) => state === 'imported')) {
    // Nothing is missing: the import sees that too, and ends the item.
    await reprocessItem(pipeline, itemKey, 'the archiver itself: its copies were found');
    return;
  }
  // Before the item: its run may be complete, with other counts.
  await ledger.runs.reopened(runId);
  const isWritten = await ledger.items.settled(row, outcomeFor({ reason, deliveries }), deliveries, etag);
  // And after it: the run may have been completed in between.
  await ledger.runs.recount(runId);
  if (isWritten && row.discardedAt !== undefined) await ledger.items.unparked(itemKey);
}

/**
 * Looks after parked items some of whose deliveries are in doubt. Where it is too early to tell, or a mailbox does not answer, the next
 * sweep goes on.
 *
 * @returns how many are still in doubt.
 * @throws the errors of storage.
 */
export async function settleParked(pipeline: Pipeline): Promise<number> {
  const { ledger, log } = pipeline;
  const inDoubt: (ParkedRow & { readonly itemKey: string; readonly etag: string })[] = [];
  for await (const parked of ledger.items.parked()) {
    if (parked.inDoubt === true) inDoubt.push({ ...parked, itemKey: parked.rowKey ?? '' });
  }
  let left = 0;
  for (const { runId, itemKey, etag } of inDoubt) {
    const row = await ledger.items.read({ runId, itemKey });
    // Put back to work meanwhile: the import settles it.
    if (row === undefined || !isParked(row)) continue;
    try {
      await settleItem(pipeline, row, etag);
    } catch (error) {
      left += 1;
      const level = error instanceof RetryAfterError ? 'info' : 'warn';
      log[level]('item.in-doubt', { runId, itemKey, error: describeError(error) });
    }
  }
  return left;
}
