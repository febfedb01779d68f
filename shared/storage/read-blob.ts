/**
 * Reads blobs without ever waiting without end: the storage clients bound the wait for an answer's head only, not for its bytes.
 *
 * @module
 */
import type { BlobClient, BlobRequestConditions } from '@azure/storage-blob';
import { limits } from '../limits.ts';
import { unanswered } from './storage-errors.ts';

/** Which bytes of a blob are wanted, in bytes, and when. */
export interface BlobPart {
  readonly offset?: number;
  /** Bytes at most. */
  readonly count?: number;
  readonly conditions?: BlobRequestConditions;
}

/** A blob that is being read. */
export interface OpenBlob {
  readonly etag: string | undefined;
  /** The bytes as they come; throws a TransientError where none have come for `limits.storageMs`. */
  readonly chunks: AsyncIterable<Buffer>;
}

/** Opens a blob. @throws what the storage clients throw, before the first byte. */
export async function openBlob(blob: BlobClient, { offset, count, conditions = {} }: BlobPart = {}): Promise<OpenBlob> {
  const idle = new AbortController();
  const { etag, readableStreamBody } = await blob.download(offset, count, { conditions, abortSignal: idle.signal });
  return { etag, chunks: untilIdle(readableStreamBody, idle) };
}

async function* untilIdle(body: AsyncIterable<unknown> | undefined, idle: AbortController): AsyncGenerator<Buffer, void> {
  if (body === undefined) return;
  const chunks = body[Symbol.asyncIterator]();
  // One timer for all chunks. It counts only while storage is waited for: a consumer may take as long as it needs.
  let waiting = false;
  const timer = setTimeout(() => {
    if (waiting) idle.abort();
  }, limits.storageMs);
  try {
    for (;;) {
      waiting = true;
      timer.refresh();
      const { done, value } = await unanswered(chunks.next());
      waiting = false;
      if (done === true) return;
      yield value as Buffer;
    }
  } finally {
    clearTimeout(timer);
    // A consumer that stops early leaves a connection behind that nobody reads.
    await chunks.return?.();
  }
}

/** Reads a blob whole. @throws as {@link openBlob} and its chunks do. */
export async function readBlob(blob: BlobClient, part?: BlobPart): Promise<{ readonly etag: string | undefined; readonly bytes: Buffer }> {
  const { etag, chunks } = await openBlob(blob, part);
  const read: Buffer[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return { etag, bytes: Buffer.concat(read) };
}
