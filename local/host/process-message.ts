/**
 * Takes one received queue message to its end: deleted, given back for another try, or moved to the poison queue.
 *
 * @module
 */
import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import { RestError } from '@azure/storage-queue';
import type { QueueSettings } from './host-settings.ts';
import type { TypedData } from './core-types.ts';
import { holdMessage, isNoLongerOurs } from './message-lease.ts';
import { decodeMessageText, queueTriggerMetadata } from './queue-message.ts';

/** Why a message went to the poison queue. */
export type PoisonReason = 'tries used up' | 'not base64';

/** What the trigger of a queue works with. */
export interface QueueTrigger {
  readonly queue: QueueClient;
  /** Undefined for a queue that is itself a poison queue: it has none. */
  readonly poisonQueue: QueueClient | undefined;
  readonly settings: QueueSettings;
  /** How long a received message is hidden, in ms. */
  readonly leaseMs: number;
  /** Runs the function; rejects when it failed. */
  invoke(text: string, metadata: Record<string, TypedData>, message: DequeuedMessageItem): Promise<unknown>;
  readonly log: (line: string) => void;
  onPoison(messageId: string, reason: PoisonReason): void;
}

/** Life of a message in the poison queue: the real host sends it with the service's default of 7 days. */
const POISON_LIFE_SECONDS = 7 * 24 * 60 * 60;

/**
 * Processes a message with the real host's rules.
 *
 * @throws RestError when storage refuses for a reason other than that the message is no longer ours; the message then comes back by itself.
 */
export async function processMessage(trigger: QueueTrigger, message: DequeuedMessageItem): Promise<void> {
  const { queue, poisonQueue, settings, log } = trigger;
  const text = decodeMessageText(message.messageText, settings.messageEncoding);
  if (text === undefined) {
    log(`message ${message.messageId} in ${queue.name} is not base64 (messageEncoding of host.json); its function is not called`);
    if (poisonQueue) {
      await moveToPoison(trigger, poisonQueue, message, message.popReceipt, 'not base64');
    }
    return;
  }
  // Only a try that never ended (the host was killed in it) gets here with all its tries used up.
  if (poisonQueue && message.dequeueCount > settings.maxDequeueCount) {
    await moveToPoison(trigger, poisonQueue, message, message.popReceipt, 'tries used up');
    return;
  }

  const lease = holdMessage(queue, message, trigger.leaseMs, (error) => {
    log(`message ${message.messageId} in ${queue.name} is no longer hidden while its function runs: ${String(error)}`);
  });
  let succeeded = false;
  let popReceipt: string;
  try {
    await trigger.invoke(text, queueTriggerMetadata(message, text), message);
    succeeded = true;
  } catch {
    // The failure was reported by `invoke`; here it only decides what becomes of the message.
  } finally {
    popReceipt = await lease.end();
  }

  if (succeeded) {
    await orNoLongerOurs(trigger, message, 'deleted', () => queue.deleteMessage(message.messageId, popReceipt));
  } else if (poisonQueue === undefined) {
    // Left hidden: given back at once, a message that always fails would be tried without a pause, for ever.
    log(
      `message ${message.messageId} in ${queue.name} failed and comes back in ${String(trigger.leaseMs / 1000)} s: a poison queue has no poison queue`,
    );
  } else if (message.dequeueCount >= settings.maxDequeueCount) {
    await moveToPoison(trigger, poisonQueue, message, popReceipt, 'tries used up');
  } else {
    const delaySeconds = Math.ceil(settings.visibilityTimeoutMs / 1000);
    await orNoLongerOurs(trigger, message, 'given back', () => queue.updateMessage(message.messageId, popReceipt, undefined, delaySeconds));
  }
}

async function moveToPoison(
  trigger: QueueTrigger,
  poisonQueue: QueueClient,
  message: DequeuedMessageItem,
  popReceipt: string,
  reason: PoisonReason,
): Promise<void> {
  const send = (): Promise<unknown> => poisonQueue.sendMessage(message.messageText, { messageTimeToLive: POISON_LIFE_SECONDS });
  try {
    await send();
  } catch (error) {
    if (!(error instanceof RestError && error.statusCode === 404)) {
      throw error;
    }
    await poisonQueue.createIfNotExists();
    await send();
  }
  trigger.log(`message ${message.messageId} moved from ${trigger.queue.name} to ${poisonQueue.name}: ${reason}`);
  await orNoLongerOurs(trigger, message, 'deleted', () => trigger.queue.deleteMessage(message.messageId, popReceipt));
  trigger.onPoison(message.messageId, reason);
}

/** A message that somebody else has taken or deleted meanwhile is theirs; that is no failure of ours. */
async function orNoLongerOurs(
  { queue, log }: QueueTrigger,
  message: DequeuedMessageItem,
  done: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isNoLongerOurs(error)) {
      throw error;
    }
    log(`message ${message.messageId} in ${queue.name} could not be ${done}: its receipt is stale, or it is gone`);
  }
}
