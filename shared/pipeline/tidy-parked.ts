/**
 * Looks through what is parked: how much of it waits for a person, and what is left over of items that do no longer.
 *
 * @module
 */
import { isParked } from '../ledger/item-row.ts';
import { limits } from '../limits.ts';
import { parkedQueueOf, parkedQueues, type ParkedQueue } from './park-item.ts';
import { findWaiting } from './parked-items.ts';
import { removeMessages, type ParkedMessage } from './parked-messages.ts';
import type { Pipeline } from './pipeline.ts';

/** What waits in one queue of parked items. */
export interface Waiting {
  readonly depth: number;
  /** ISO time since when the one waits that has waited longest; absent where none waits. */
  readonly since?: string;
}

/** Rows of items read at one time. */
const ROWS_AT_ONCE = 64;

type Queues = Record<ParkedQueue, Waiting>;

function add(waiting: Queues, queue: ParkedQueue, parkedAt: string): void {
  const { depth, since } = waiting[queue];
  waiting[queue] = { depth: depth + 1, since: since !== undefined && since < parkedAt ? since : parkedAt };
}

/** Counts by the index, which every list of parked items is made of. What was dealt with, and a crash has left in it, is taken out. */
async function countItems(pipeline: Pipeline): Promise<Queues> {
  const waiting: Queues = { unmapped: { depth: 0 }, oversize: { depth: 0 }, failed: { depth: 0 } };
  let looks: Promise<void>[] = [];
  for await (const parked of pipeline.ledger.items.parked()) {
    const look = async () => {
      if ((await findWaiting(pipeline, parked)) !== undefined) add(waiting, parkedQueueOf(parked.reason), parked.parkedAt);
    };
    looks.push(look());
    if (looks.length < ROWS_AT_ONCE) continue;
    await Promise.all(looks);
    looks = [];
  }
  await Promise.all(looks);
  return waiting;
}

/** What a message is a sign of. One that has just been sent may be ahead of the row of its item. */
async function judge({ ledger, now }: Pipeline, message: ParkedMessage, messageId: string): Promise<'waits' | 'left over' | 'unreadable'> {
  const row = message.item === undefined ? undefined : await ledger.items.read(message.item);
  if (row === undefined) {
    // An item whose row was lost is still ours: the next sweeps make the row anew.
    const isOurs = message.item !== undefined && (await ledger.items.parkedRow(message.item.itemKey)) !== undefined;
    return isOurs ? 'waits' : 'unreadable';
  }
  if (Date.parse(message.parkedAt) > now().getTime() - limits.parkingSettlesMs) return 'waits';
  // An item that was parked twice has two, and its row names the one that counts.
  return isParked(row) && row.discardedAt === undefined && row.parkedMessageId === messageId ? 'waits' : 'left over';
}

/**
 * Counts what waits for a person: parked items, and messages that name no item of ours, which nobody but a person may remove. Where a
 * queue has more messages than there are parked items, those of items that are dealt with are removed.
 *
 * @throws the errors of storage.
 */
export async function tidyParked(pipeline: Pipeline): Promise<Readonly<Queues>> {
  const { storage, log } = pipeline;
  const waiting = await countItems(pipeline);
  for (const name of parkedQueues) {
    const queue = storage.queues[name];
    const { approximateMessagesCount = 0 } = await queue.getProperties();
    // Receiving a message makes the receipt void that its item's row has, so that a queue that is in order is left alone.
    if (approximateMessagesCount <= waiting[name].depth) continue;
    const removed = await removeMessages(queue, async (message, messageId) => {
      const verdict = await judge(pipeline, message, messageId);
      if (verdict === 'unreadable') {
        add(waiting, name, message.parkedAt);
        log.warn('message.unreadable', { queue: queue.name, digest: message.digest });
      }
      return verdict === 'left over';
    });
    if (removed > 0) log.info('messages.removed', { queue: queue.name, removed });
  }
  return waiting;
}

/**
 * Removes the messages of a digest that name no item of ours. One that stands for an item is never removed so.
 *
 * @param digest - As the log shows it (`message.unreadable`).
 * @param reason - In the operator's words; kept in the audit log.
 * @returns how many there were.
 * @throws the errors of storage.
 */
export async function discardMessages(pipeline: Pipeline, digest: string, reason: string, by: string): Promise<number> {
  let removed = 0;
  for (const name of parkedQueues) {
    const queue = pipeline.storage.queues[name];
    removed += await removeMessages(queue, async (message, messageId) => {
      if (message.digest !== digest || (await judge(pipeline, message, messageId)) !== 'unreadable') return false;
      await pipeline.audit.record({ event: 'message.discarded', queue: queue.name, digest, discardReason: reason, by });
      return true;
    });
  }
  return removed;
}
