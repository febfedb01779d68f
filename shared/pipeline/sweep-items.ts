/**
 * Finds items that no queue carries any more and enqueues them again: whatever a queue loses, the ledger still knows.
 *
 * @module
 */
import type { QueueClient } from '@azure/storage-queue';
import { describeError } from '../errors.ts';
import { identityOf, outcomeOf, type StoredItem } from '../ledger/item-row.ts';
import { isOpen } from '../ledger/run-ledger.ts';
import { limits } from '../limits.ts';
import { sendMessage } from './messages.ts';
import { parkGivenUp } from './park-given-up.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Enqueues an item where it stands: its bytes are staged already, or not yet.
 *
 * @throws the errors of storage.
 */
export async function enqueueAgain(pipeline: Pipeline, row: StoredItem): Promise<void> {
  const { queues } = pipeline.storage;
  const traceparent = pipeline.telemetry.traceparent();
  const item = { ...identityOf(row), ...(traceparent === undefined ? {} : { traceparent }) };
  // A blob that is gone is transferred again, for as long as the source has the item.
  const isGone = row.reason === 'staged-bytes-missing';
  if (isGone || row.stagedAt === undefined || row.size === undefined || row.sha256 === undefined) {
    await sendMessage(queues.download, item);
  } else {
    await sendMessage(queues.import, { ...item, size: row.size, sha256: row.sha256 });
  }
}

/**
 * How far each queue has got, ISO: when its oldest message was sent, or undefined where it is empty. An item that was enqueued after that
 * may still be waiting for its turn: a week that is caught up takes longer than any item may rest.
 */
async function readOldest({ storage }: Pipeline): Promise<{ readonly download: string | undefined; readonly import: string | undefined }> {
  const oldest = async (queue: QueueClient) => (await queue.peekMessages()).peekedMessageItems[0]?.insertedOn.toISOString();
  const { queues } = storage;
  return { download: await oldest(queues.download), import: await oldest(queues.import) };
}

async function sweepItem(pipeline: Pipeline, row: StoredItem): Promise<void> {
  const { ledger, log } = pipeline;
  const requeues = (row.requeues ?? 0) + 1;
  const { runId, itemKey } = row;
  if (requeues > limits.requeues) {
    return parkGivenUp(pipeline, identityOf(row), 'no-progress');
  }
  // Two sweeps at once: the one that writes the row enqueues.
  if (!(await ledger.items.reopened(row, { requeues }))) return;
  await enqueueAgain(pipeline, row);
  log.warn('item.requeued', { runId, itemKey, requeues });
}

/**
 * Looks at every item of every run that is not complete.
 *
 * @param staleMs - How long without progress, in ms. @defaultValue limits.staleItemMs
 * @returns how many items were stale.
 * @throws Error where some items could not be looked after; the others were all the same.
 */
export async function sweepItems(pipeline: Pipeline, staleMs: number = limits.staleItemMs): Promise<number> {
  const { ledger, log, now } = pipeline;
  const before = new Date(now().getTime() - staleMs).toISOString();
  // Nothing is put off for so long: it was written by a clock that was far ahead, and would keep the item out of sight for as long.
  const impossible = new Date(now().getTime() + limits.clockAheadMs).toISOString();
  let stale = 0;
  let failed = 0;
  let oldest: Awaited<ReturnType<typeof readOldest>> | undefined;
  for (const run of await ledger.runs.all()) {
    if (!isOpen(run)) continue;
    for await (const row of ledger.items.ofRun(run.runId)) {
      const isImpossible = row.progressAt > impossible;
      if (outcomeOf(row) !== 'pending' || (row.progressAt > before && !isImpossible)) continue;
      oldest ??= await readOldest(pipeline);
      const reached = row.stagedAt === undefined ? oldest.download : oldest.import;
      const mayWait = reached !== undefined && Date.parse(reached) <= Date.parse(row.progressAt) + limits.enqueuedWithinMs;
      if (mayWait && !isImpossible) continue;
      stale += 1;
      try {
        await sweepItem(pipeline, row);
      } catch (error) {
        failed += 1;
        log.error('item.not-swept', { runId: row.runId, itemKey: row.itemKey, error: describeError(error) });
      }
    }
  }
  if (failed > 0) throw new Error(`${failed} items without progress could not be enqueued again; the log names them.`);
  return stale;
}
