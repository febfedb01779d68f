/**
 * Streams the bytes of an item and proves that they are all there: by length, by digest, and by never waiting without end.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { TransientError } from '../errors.ts';
import { codeOf, type OpenAnswer } from './send-request.ts';

/** What the headers say that the bytes have to be. */
interface Expected {
  readonly length: number | undefined;
  /** SHA-256 digests, usually one. */
  readonly digests: readonly Buffer[];
}

/** `Digest: md5=…, sha-256=…` (RFC 3230); algorithms other than SHA-256 are let be. */
function readDigests(header: string | null): Buffer[] {
  return (header ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part.toLowerCase().startsWith('sha-256='))
    .map((part) => Buffer.from(part.slice('sha-256='.length), 'base64'));
}

function readExpected(headers: Headers): Expected {
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding.toLowerCase() !== 'identity') {
    throw new TransientError('TeleMessage sent an item compressed although asked not to; its length and digest cannot be checked.');
  }
  const length = headers.get('content-length');
  if (length !== null && !/^\d{1,15}$/.test(length)) {
    throw new TransientError('The Content-Length that TeleMessage sent with an item is not a number of bytes.');
  }
  const digests = readDigests(headers.get('digest'));
  // Such an answer ends where the connection ends, and a broken one looks the same as a whole one.
  if (length === null && digests.length === 0 && headers.get('transfer-encoding') === null) {
    throw new TransientError('TeleMessage sent an item with neither Content-Length, Digest nor chunks, so its end cannot be recognised.');
  }
  return { length: length === null ? undefined : Number(length), digests };
}

function checkWhole(bytes: number, digest: Buffer | undefined, expected: Expected): void {
  if (expected.length !== undefined && bytes !== expected.length) {
    throw new TransientError(`TeleMessage announced an item of ${expected.length} bytes and sent ${bytes}.`);
  }
  if (digest !== undefined && !expected.digests.every((wanted) => wanted.equals(digest))) {
    throw new TransientError(`The ${bytes} bytes of an item do not match the SHA-256 in its Digest.`);
  }
}

async function* transfer({ response, abandon }: OpenAnswer, expected: Expected, idleMs: number): AsyncGenerator<Uint8Array, void> {
  const reader = response.body?.getReader();
  const hash = expected.digests.length > 0 ? createHash('sha256') : undefined;
  let bytes = 0;
  let waiting = false;
  let stalled = false;
  let ended = false;
  // One timer for all chunks. It counts only while we wait for the source: a consumer may take as long as it needs.
  const timer = setTimeout(() => {
    if (!waiting) return;
    stalled = true;
    abandon();
  }, idleMs);
  try {
    for (;;) {
      let chunk: Uint8Array | undefined;
      try {
        waiting = true;
        timer.refresh();
        chunk = (await reader?.read())?.value;
      } catch (error) {
        throw new TransientError(
          stalled
            ? `TeleMessage sent nothing for ${idleMs} ms in the middle of an item, after ${bytes} bytes.`
            : `The transfer of an item from TeleMessage broke off after ${bytes} bytes${codeOf(error)}.`,
        );
      } finally {
        waiting = false;
      }
      ended = chunk === undefined;
      if (chunk === undefined) break;
      bytes += chunk.length;
      if (expected.length !== undefined && bytes > expected.length) break;
      hash?.update(chunk);
      yield chunk;
    }
    checkWhole(bytes, hash?.digest(), expected);
  } finally {
    clearTimeout(timer);
    // Where the consumer stopped early the rest is still under way; only ending the connection stops it.
    if (!ended) abandon();
  }
}

/**
 * Checks the bytes of an item on their way, and that all of them came.
 *
 * @param answer - A 200 with the bytes of an item.
 * @param idleMs - How long the source may send nothing while it is waited for, in ms.
 * @returns the bytes, as they come. Throws a TransientError at the end, or where it breaks, unless they are exactly what was announced.
 *   A consumer that stops early gives the connection up.
 * @throws TransientError where the headers leave no way to check the bytes.
 */
export function checkTransfer(answer: OpenAnswer, idleMs: number): AsyncIterable<Uint8Array> {
  try {
    return transfer(answer, readExpected(answer.response.headers), idleMs);
  } catch (error) {
    answer.abandon();
    throw error;
  }
}
