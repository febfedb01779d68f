/**
 * Second step: one listed item is transferred to blob storage.
 *
 * @module
 */
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
 * Stages one item and passes it on. Done twice, it gives the same blob, the same row and a second message that finds nothing to do.
 *
 * @throws PermanentError, TransientError or RetryAfterError of the source, and errors of storage.
 */
export async function downloadItem(pipeline: Pipeline, message: DownloadMessage): Promise<void> {
  const { storage, ledger, telemetry } = pipeline;
  const staged = await transferItem(pipeline, message);
  await ledger.items.staged(message, staged);
  const traceparent = telemetry.traceparent() ?? message.traceparent;
  // A message of its own, which was never put off.
  const { due: _due, ...item } = message;
  const next: ImportMessage = { ...item, ...staged, ...(traceparent === undefined ? {} : { traceparent }) };
  await sendMessage(storage.queues.import, next);
}
