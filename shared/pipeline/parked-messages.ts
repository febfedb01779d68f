/**
 * The messages of the queues of parked items: a sign that a person can see there, behind which the ledger stands.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { DequeuedMessageItem } from '@azure/storage-queue';
import { z } from 'zod';
import type { StoredItem } from '../ledger/item-row.ts';
import { limits } from '../limits.ts';
import { queueNames, type Storage } from '../storage/storage.ts';
import { judgeStorage } from '../storage/storage-errors.ts';
import type { ParkedQueue } from './park-item.ts';
import type { Pipeline } from './pipeline.ts';

/** Azure gives no more at a time. */
const MESSAGES_AT_ONCE = 32;
/** How long received messages are out of sight where a crash keeps them from being put back. */
const OUT_OF_SIGHT_S = 60;

const itemSchema = z.object({ runId: z.string().regex(/^[a-z0-9-]{1,64}$/), itemKey: z.string().regex(/^[0-9a-f]{40}$/) });
const noteSchema = z.object({
  parkedAt: z.iso.datetime(),
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});

/** What a message of these queues says. */
export interface ParkedMessage {
  /** The item that it stands for; absent in one that names none. */
  readonly item?: z.output<typeof itemSchema>;
  /** ISO. */
  readonly parkedAt: string;
  /** Name of the message, in the log and for a discard: SHA-256 in hex of what could not be read in the first place, or of the message. */
  readonly digest: string;
}

function readMessage({ messageText, insertedOn }: DequeuedMessageItem): ParkedMessage {
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(messageText, 'base64').toString());
  } catch {
    // Somebody else has put it there: it is named by what it is.
  }
  const { data: item } = itemSchema.safeParse(content);
  const { data: note } = noteSchema.safeParse(content);
  return {
    ...(item && { item }),
    parkedAt: note?.parkedAt ?? insertedOn.toISOString(),
    digest: note?.digest ?? createHash('sha256').update(messageText).digest('hex'),
  };
}

/** @returns whether it was done: a message that is gone, or that somebody else has received meanwhile, is out of our hands. */
async function inHand(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (!['overtaken', 'missing'].includes(judgeStorage(error))) throw error;
    return false;
  }
}

/** Takes the item's message out of its poison queue. */
export async function removeMessage(
  { storage }: Pick<Pipeline, 'storage'>,
  { parkedIn, parkedMessageId, parkedPopReceipt }: StoredItem,
): Promise<void> {
  const queue = Object.entries(queueNames).find(([, name]) => name === parkedIn)?.[0] as keyof typeof queueNames | undefined;
  if (queue === undefined || parkedMessageId === undefined || parkedPopReceipt === undefined) return;
  // Nothing is measured by the message, and one that stays is removed by the sweep.
  await inHand(storage.queues[queue].deleteMessage(parkedMessageId, parkedPopReceipt));
}

/**
 * Goes through the messages of a queue, up to `limits.parkedMessages` of them. Those that stay go to the end of the queue, so that the next
 * call sees those behind them.
 *
 * @param isDone - Says of each whether it is to be removed.
 * @returns how many were removed.
 */
export async function removeMessages(
  queue: Storage['queues'][ParkedQueue],
  isDone: (message: ParkedMessage, messageId: string) => Promise<boolean>,
): Promise<number> {
  const kept: DequeuedMessageItem[] = [];
  let removed = 0;
  for (let left: number = limits.parkedMessages; left > 0;) {
    const { receivedMessageItems } = await queue.receiveMessages({
      numberOfMessages: Math.min(left, MESSAGES_AT_ONCE),
      visibilityTimeout: OUT_OF_SIGHT_S,
    });
    if (receivedMessageItems.length === 0) break;
    left -= receivedMessageItems.length;
    for (const message of receivedMessageItems) {
      if (!(await isDone(readMessage(message), message.messageId))) {
        kept.push(message);
        continue;
      }
      if (await inHand(queue.deleteMessage(message.messageId, message.popReceipt))) removed += 1;
    }
  }
  for (const { messageId, popReceipt, messageText } of kept) await inHand(queue.updateMessage(messageId, popReceipt, messageText, 0));
  return removed;
}
