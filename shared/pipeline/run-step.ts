/**
 * Runs one step for one queue message and turns how it ends into what the queue has to know.
 *
 * @module
 */
import type { QueueClient } from '@azure/storage-queue';
import { describeError, PermanentError, RetryAfterError } from '../errors.ts';
import type { ItemReference } from '../ledger/item-row.ts';
import { sendMessage } from './messages.ts';
import { parkItem } from './park-item.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * - Done: the message is completed.
 * - PermanentError: the item is parked, the message completed.
 * - RetryAfterError: the message is enqueued again with the delay, then completed, so that waiting never uses up tries.
 * - Anything else: thrown, so that the host counts a try, waits, and delivers the message again.
 *
 * @param name - Of the step, in traces.
 * @param queue - Where the message came from.
 */
export async function runStep<Message extends ItemReference & { readonly traceparent?: string | undefined }>(
  pipeline: Pipeline,
  name: 'item.download' | 'item.import',
  queue: QueueClient,
  message: Message,
  step: (pipeline: Pipeline, message: Message) => Promise<void>,
): Promise<void> {
  const { log, ledger, now } = pipeline;
  const { runId, itemKey } = message;
  try {
    const { traceparent } = message;
    await pipeline.telemetry.span(name, { traceparent, attributes: { runId, itemKey } }, () => step(pipeline, message));
  } catch (error) {
    if (error instanceof PermanentError) {
      log.warn('step.refused', { runId, itemKey, reason: error.reason, error: describeError(error) });
      await parkItem(pipeline, message, { reason: error.reason });
    } else if (error instanceof RetryAfterError) {
      log.info('step.delayed', { runId, itemKey, delayMs: error.delayMs, error: describeError(error) });
      await ledger.items.waitsUntil(message, new Date(now().getTime() + error.delayMs));
      await sendMessage(queue, message, error.delayMs);
    } else {
      const text = describeError(error);
      log.warn('step.failed', { runId, itemKey, error: text });
      // The host sees message and stack alone, and a frozen or foreign error can kill the worker.
      throw new Error(`Item ${itemKey}: ${text}`, { cause: error });
    }
  }
}
