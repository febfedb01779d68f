/**
 * Keeps a received queue message hidden from others while its function runs.
 *
 * @module
 */
import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import { RestError } from '@azure/storage-queue';

/** A message that is being held. */
export interface MessageLease {
  /** Stops renewing. @returns the receipt with which the message can be deleted or released now. */
  end(): Promise<string>;
}

/**
 * Renews the hiding of a message at half of its time, as the real host does. Thus a lease can be short, and the messages of a killed host come
 * back soon, without a long invocation losing its message.
 *
 * @param leaseMs - How long the message was hidden when it was received, in ms.
 * @param onLost - Called when the message is no longer ours: it was deleted, or taken by another receiver.
 */
export function holdMessage(
  queue: QueueClient,
  message: DequeuedMessageItem,
  leaseMs: number,
  onLost: (error: unknown) => void,
): MessageLease {
  let receipt = message.popReceipt;
  let renewal: Promise<void> = Promise.resolve();

  async function renew(): Promise<void> {
    try {
      const answer = await queue.updateMessage(message.messageId, receipt, undefined, Math.ceil(leaseMs / 1000));
      receipt = answer.popReceipt ?? receipt;
    } catch (error) {
      clearInterval(timer);
      onLost(error);
    }
  }
  const timer = setInterval(() => {
    renewal = renewal.then(renew);
  }, leaseMs / 2);

  return {
    async end() {
      clearInterval(timer);
      await renewal;
      return receipt;
    },
  };
}

/**
 * Whether storage refused because the message is not ours any more: its receipt is stale (400) or it, or the queue, is gone (404). Azurite answers 400 for a
 * stale receipt, the real service 404.
 */
export function isNoLongerOurs(error: unknown): boolean {
  return error instanceof RestError && (error.statusCode === 404 || (error.statusCode === 400 && error.code === 'PopReceiptMismatch'));
}
