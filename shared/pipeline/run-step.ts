/**
 * Runs one step for one queue message and turns how it ends into what the queue has to know.
 *
 * @module
 */
import type { QueueClient } from '@azure/storage-queue';
import { describeError, PermanentError, RetryAfterError } from '../errors.ts';
import type { ItemReference } from '../ledger/item-row.ts';
import { sendMessage } from './messages.ts';
import { parkGivenUp } from './park-given-up.ts';
import type { Pipeline } from './pipeline.ts';

/** What a step is run for. */
type StepMessage = ItemReference & { readonly traceparent?: string | undefined; readonly due?: string | undefined };

/**
 * Enqueues the message again. A queue delivers at least once: where a copy of this message has put the item off already, that one goes on
 * with it, or every duplicate would make two of each message for as long as the throttling lasts.
 */
async function putOff({ ledger, now }: Pipeline, queue: QueueClient, message: StepMessage, delayMs: number): Promise<void> {
  const waitsUntil = (await ledger.items.read(message))?.waitsUntil ?? '';
  if (waitsUntil > now().toISOString() && waitsUntil > (message.due ?? '')) return;
  const due = new Date(now().getTime() + delayMs);
  // The message first: a crash in between leaves one too many, not one too few.
  await sendMessage(queue, { ...message, due: due.toISOString() }, delayMs);
  await ledger.items.waitsUntil(message, due);
}

/**
 * - Done: the message is completed.
 * - PermanentError: the item is parked, the message completed.
 * - RetryAfterError: the message is enqueued again with the delay, then completed, so that waiting never uses up tries.
 * - Anything else: thrown, so that the host counts a try, waits, and delivers the message again.
 *
 * @param name - Of the step, in traces.
 * @param queue - Where the message came from.
 */
export async function runStep<Message extends StepMessage>(
  pipeline: Pipeline,
  name: 'item.download' | 'item.import',
  queue: QueueClient,
  message: Message,
  step: (pipeline: Pipeline, message: Message) => Promise<void>,
): Promise<void> {
  const { log } = pipeline;
  const { runId, itemKey } = message;
  try {
    const { traceparent } = message;
    await pipeline.telemetry.span(name, { traceparent, attributes: { runId, itemKey } }, () => step(pipeline, message));
  } catch (error) {
    if (error instanceof PermanentError) {
      log.warn('step.refused', { runId, itemKey, reason: error.reason, error: describeError(error) });
      await parkGivenUp(pipeline, message, error.reason, name);
    } else if (error instanceof RetryAfterError) {
      log.info('step.delayed', { runId, itemKey, delayMs: error.delayMs, error: describeError(error) });
      await putOff(pipeline, queue, message, error.delayMs);
    } else {
      const text = describeError(error);
      log.warn('step.failed', { runId, itemKey, error: text });
      // The host sees message and stack alone, and a frozen or foreign error can kill the worker.
      throw new Error(`Item ${itemKey}: ${text}`, { cause: error });
    }
  }
}
