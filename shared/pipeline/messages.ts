/**
 * The queue messages: ids as strings inside an object, checked when read.
 *
 * The Functions worker runs JSON.parse on message text, so that a bare `89e7073266` would arrive as Infinity; and the host lays the
 * top-level properties over its own metadata, so that none may be called `id` or `dequeueCount`.
 *
 * @module
 */
import type { QueueClient } from '@azure/storage-queue';
import { z } from 'zod';
import { PermanentError } from '../errors.ts';

const reference = {
  runId: z.string().regex(/^[a-z0-9-]{1,64}$/),
  itemKey: z.string().regex(/^[0-9a-f]{40}$/),
  sourceId: z.string().min(1).max(1024),
  sequence: z.int().min(0),
  arrivedAt: z.iso.datetime({ offset: true }),
  /** When a message that was put off comes back, ISO. */
  due: z.iso.datetime().optional(),
  /** W3C trace context of the step that sent the message. */
  traceparent: z.string().max(64).optional(),
};

const downloadSchema = z.object(reference);
const importSchema = z.object({ ...reference, size: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) });

/** What waits in `download-items`: an item that is listed. */
export type DownloadMessage = z.output<typeof downloadSchema>;

/** What waits in `import-items`: an item whose bytes are staged. */
export type ImportMessage = z.output<typeof importSchema>;

function read<Message>(schema: z.ZodType<Message>, queue: string, message: unknown): Message {
  const result = schema.safeParse(message);
  if (result.success) return result.data;
  const fields = [...new Set(result.error.issues.map((issue) => issue.path.join('.') || 'the whole'))].join(', ');
  throw new PermanentError('bad-queue-message', `A message in ${queue} is not one that this app writes (${fields}).`);
}

/**
 * Reads a message of `download-items`.
 *
 * @throws PermanentError (`bad-queue-message`) that names the fields, never their values.
 */
export function readDownloadMessage(message: unknown): DownloadMessage {
  return read(downloadSchema, 'download-items', message);
}

/**
 * Reads a message of `import-items`.
 *
 * @throws PermanentError (`bad-queue-message`) that names the fields, never their values.
 */
export function readImportMessage(message: unknown): ImportMessage {
  return read(importSchema, 'import-items', message);
}

/** Where a sent message is, as long as nobody has received it. */
export interface SentMessage {
  readonly messageId: string;
  readonly popReceipt: string;
}

/**
 * Sends a message that never expires, in base64 as host.json says.
 *
 * @param delayMs - Before anybody can receive it; Azure takes up to 7 days.
 * @throws the errors of storage.
 */
export async function sendMessage(queue: QueueClient, message: object, delayMs = 0): Promise<SentMessage> {
  const { messageId, popReceipt } = await queue.sendMessage(Buffer.from(JSON.stringify(message)).toString('base64'), {
    messageTimeToLive: -1,
    visibilityTimeout: Math.ceil(delayMs / 1000),
  });
  return { messageId, popReceipt };
}
