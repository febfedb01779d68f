/**
 * Second step: one listed item is transferred to blob storage.
 *
 * @module
 */
import { stagedBlobName, stageItem } from '../storage/stage-item.ts';
import { sendMessage, type DownloadMessage, type ImportMessage } from './messages.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Stages one item and passes it on. Done twice, it gives the same blob, the same row and a second message that finds nothing to do.
 *
 * @throws PermanentError, TransientError or RetryAfterError of the source, and errors of storage.
 */
export async function downloadItem(pipeline: Pipeline, message: DownloadMessage): Promise<void> {
  const { source, storage, ledger, telemetry } = pipeline;
  const content = await source.openItem(message.sourceId);
  const staged = await stageItem(storage.containers.items, stagedBlobName(message), content);
  await ledger.items.staged(message, staged);
  const traceparent = telemetry.traceparent() ?? message.traceparent;
  // A message of its own, which was never put off.
  const { due: _due, ...item } = message;
  const next: ImportMessage = { ...item, ...staged, ...(traceparent === undefined ? {} : { traceparent }) };
  await sendMessage(storage.queues.import, next);
}
