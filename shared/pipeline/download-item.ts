/**
 * Second step: one listed item is transferred to blob storage.
 *
 * @module
 */
import { identityOf } from '../ledger/item-row.ts';
import { findStaged, stagedBlobName, stageItem, type StagedBytes } from '../storage/stage-item.ts';
import { sendMessage, type DownloadMessage, type ImportMessage } from './messages.ts';
import type { Pipeline } from './pipeline.ts';

async function transferItem({ source, storage }: Pipeline, message: DownloadMessage): Promise<StagedBytes> {
  const place = [storage.containers.items, stagedBlobName(message)] as const;
  try {
    return await stageItem(...place, await source.openItem(message.sourceId));
  } catch (error) {
    // An earlier transfer may have got it, and a crash or a lost row have made us forget: then the source is not needed any more.
    const staged = await findStaged(...place);
    if (staged === undefined) throw error;
    return staged;
  }
}

/**
 * Passes an item on whose bytes are staged. Done twice, it gives the same row and a second message that finds nothing to do.
 *
 * @throws the errors of storage.
 */
export async function passOn(pipeline: Pipeline, message: Omit<DownloadMessage, 'due'>, { size, sha256 }: StagedBytes): Promise<void> {
  const { storage, ledger, telemetry } = pipeline;
  await ledger.items.staged(message, { size, sha256 });
  const traceparent = telemetry.traceparent() ?? message.traceparent;
  // A message of its own, which was never put off.
  const next: ImportMessage = { ...identityOf(message), size, sha256, ...(traceparent === undefined ? {} : { traceparent }) };
  await sendMessage(storage.queues.import, next);
}

/**
 * Stages one item and passes it on. Done twice, it finds the same blob.
 *
 * @throws PermanentError, TransientError or RetryAfterError of the source, and errors of storage.
 */
export async function downloadItem(pipeline: Pipeline, message: DownloadMessage): Promise<void> {
  await passOn(pipeline, message, await transferItem(pipeline, message));
}
