/**
 * Reads what the last line of a blob of the audit log says, whoever wrote it.
 *
 * @module
 */
import { emptyChain, headAfter, readEntry, type ChainHead } from './audit-chain.ts';

/**
 * The last line of every blob but the newest: it names the blob in which the log goes on. Nobody appends behind it, so that an instance
 * that still has yesterday's date cannot add a line to a blob whose end another one has already taken over.
 */
export const CONTINUED = 'log.continued';

/** The byte that ends a line. */
export const LINE_BREAK = 10;
const BLOB_NAME = /^\d{4}-\d\d-\d\d\.\d{4,}\.jsonl$/;

/** What has to be known of a last line to write the next one. */
export interface LastLine {
  readonly head: ChainHead;
  /** What has to be written before the next line: a line break, where somebody left a line without one. */
  readonly glue: '' | '\n';
  /** Not a line that an archiver wrote. */
  readonly isForeign?: boolean;
  /** The blob in which the log goes on, where this one is closed. */
  readonly next?: string | undefined;
}

/** Whether it names a blob of the same archiver that comes after this one. */
function isLater(next: unknown, name: string): next is string {
  const folder = name.slice(0, name.indexOf('/') + 1);
  return typeof next === 'string' && next.startsWith(folder) && BLOB_NAME.test(next.slice(folder.length)) && next > name;
}

/**
 * What the last line of a blob says.
 *
 * A last line that is not ours must not stop the archiver: the next line follows it by its hash, and the verifier names it.
 *
 * @param name - Of the blob.
 * @param bytes - Of its end.
 * @param before - The head before these bytes; undefined where they start somewhere in the blob.
 * @returns undefined where more bytes have to be read.
 */
export function readLastLine(name: string, bytes: Buffer, before: ChainHead | undefined): LastLine | undefined {
  const isEnded = bytes.at(-1) === LINE_BREAK;
  let stop = isEnded ? bytes.length - 1 : bytes.length;
  let raw: Buffer | undefined;
  for (;;) {
    const start = stop === 0 ? 0 : bytes.lastIndexOf(LINE_BREAK, stop - 1) + 1;
    if (start === 0 && before === undefined) return undefined;
    const line = bytes.subarray(start, stop);
    const entry = readEntry(line.toString('utf8'));
    const isLast = raw === undefined;
    raw ??= line;
    if (entry === undefined && start > 0) {
      stop = start - 1;
      continue;
    }
    const head = headAfter(before ?? emptyChain, raw, entry);
    const next = isLast && entry?.event === CONTINUED && isLater(entry.next, name) ? entry.next : undefined;
    return { head, glue: isEnded ? '' : '\n', isForeign: !isLast || entry === undefined || !isEnded, next };
  }
}
