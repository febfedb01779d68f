/**
 * Reads the audit log line by line, without holding a blob.
 *
 * @module
 */
import type { ContainerClient } from '@azure/storage-blob';
import { openBlob } from '../storage/read-blob.ts';
import { judgeStorage } from '../storage/storage-errors.ts';

/** Where a line stands. */
export interface Place {
  readonly blob: string;
  /** From 1. */
  readonly line: number;
  /** The byte at which it starts, from 0. */
  readonly start: number;
}

/** A line, and where it stands. */
export interface LogLine extends Place {
  readonly text: string;
  /** Its bytes without the line break: what is hashed, since bytes that are no text would all look alike. */
  readonly raw: Buffer;
}

const LINE_BREAK = 10;

/** Storage has no bytes from there on: an empty blob, or one that was cut off. */
export function isPastEnd(error: unknown): boolean {
  return judgeStorage(error) === 'beyond-end';
}

/**
 * All lines below a prefix, oldest first: the names of the blobs sort by time.
 *
 * @param from - The first line wanted; or the name of a blob, which need not be there, before which nothing is wanted.
 */
export async function* readLines(container: ContainerClient, prefix: string, from: Place | string = ''): AsyncGenerator<LogLine> {
  const place = typeof from === 'string' ? { blob: from, line: 1, start: 0 } : from;
  for await (const { name } of container.listBlobsFlat({ prefix })) {
    if (name < place.blob) continue;
    yield* linesOf(container, name === place.blob ? place : { blob: name, line: 1, start: 0 });
  }
}

async function* linesOf(container: ContainerClient, { blob, ...from }: Place): AsyncGenerator<LogLine> {
  let { line, start } = from;
  let rest: Buffer[] = [];
  const next = (part: Buffer): LogLine => {
    const raw = rest.length === 0 ? part : Buffer.concat([...rest, part]);
    rest = [];
    const read = { blob, line, start, text: raw.toString('utf8'), raw };
    line += 1;
    start += raw.length + 1;
    return read;
  };
  try {
    const { chunks } = await openBlob(container.getAppendBlobClient(blob), { offset: start });
    for await (const chunk of chunks) {
      let at = 0;
      for (let end = chunk.indexOf(LINE_BREAK); end !== -1; end = chunk.indexOf(LINE_BREAK, at)) {
        yield next(chunk.subarray(at, end));
        at = end + 1;
      }
      if (at < chunk.length) rest.push(chunk.subarray(at));
    }
  } catch (error) {
    if (!isPastEnd(error)) throw error;
  }
  if (rest.length > 0) yield next(Buffer.alloc(0));
}
