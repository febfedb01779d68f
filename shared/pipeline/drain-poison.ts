/**
 * Takes over what the host has given up on: its own poison queues lose a message after seven days, ours never.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { describeError, PermanentError } from '../errors.ts';
import type { ItemReference } from '../ledger/item-row.ts';
import type { StagedBytes } from '../storage/stage-item.ts';
import { queueNames } from '../storage/storage.ts';
import { sendMessage } from './messages.ts';
import { parkGivenUp } from './park-given-up.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Parks the item of one message whose tries are used up. Never throws for what the message says: a poison queue's own trigger has no
 * poison queue, so such a message would come back every ten minutes without end.
 *
 * @param read - Reads a message of the queue that it was given up from.
 * @throws the errors of storage, so that the host tries again.
 */
export async function drainPoison(
  pipeline: Pipeline,
  queue: string,
  message: unknown,
  read: (message: unknown) => ItemReference & Partial<StagedBytes>,
): Promise<void> {
  const { audit, log, storage, now } = pipeline;
  let item: ReturnType<typeof read>;
  try {
    item = read(message);
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    // It names no item, so no row can say why; if it stood for one, the sweep finds that one in the ledger.
    const digest = createHash('sha256')
      .update(JSON.stringify(message) ?? '')
      .digest('hex');
    await audit.record({ event: 'message.parked', reason: error.reason, queue, digest });
    await sendMessage(storage.queues.failed, { reason: error.reason, queue, digest, parkedAt: now().toISOString() });
    log.error('message.parked', { queue, digest, reason: error.reason, error: describeError(error) });
    return;
  }
  await parkGivenUp(pipeline, item, 'tries-used-up', queue === queueNames.download ? 'item.download' : 'item.import');
}
