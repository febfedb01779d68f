/**
 * Finds items that no queue carries any more and enqueues them again: whatever a queue loses, the ledger still knows.
 *
 * @module
 */
import { identityOf, outcomeOf, type StoredItem } from '../ledger/item-row.ts';
import { isOpen } from '../ledger/run-ledger.ts';
import { limits } from '../limits.ts';
import { sendMessage } from './messages.ts';
import { parkGivenUp } from './park-given-up.ts';
import type { Pipeline } from './pipeline.ts';

/** Enqueues an item where it stands: its bytes are staged already, or not yet. */
export async function enqueueAgain(pipeline: Pipeline, row: StoredItem): Promise<void> {
  const { queues } = pipeline.storage;
  const traceparent = pipeline.telemetry.traceparent();
  const item = { ...identityOf(row), ...(traceparent === undefined ? {} : { traceparent }) };
  if (row.stagedAt === undefined || row.size === undefined || row.sha256 === undefined) {
    await sendMessage(queues.download, item);
  } else {
    await sendMessage(queues.import, { ...item, size: row.size, sha256: row.sha256 });
  }
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
 * Looks at every item of every run that is listed and not complete.
 *
 * @param staleMs - How long without progress, in ms. @defaultValue limits.staleItemMs
 * @returns how many items were stale.
 */
export async function sweepItems(pipeline: Pipeline, staleMs: number = limits.staleItemMs): Promise<number> {
  const { ledger, now } = pipeline;
  const before = new Date(now().getTime() - staleMs).toISOString();
  let stale = 0;
  for (const run of await ledger.runs.all()) {
    if (!isOpen(run)) continue;
    for await (const row of ledger.items.ofRun(run.runId)) {
      if (outcomeOf(row) !== 'pending' || row.progressAt > before) continue;
      stale += 1;
      await sweepItem(pipeline, row);
    }
  }
  return stale;
}
