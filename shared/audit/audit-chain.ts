/**
 * The chain of the audit log: each line carries the hash of the line before it, so that no line can be changed, removed or moved unseen.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { LogLine, Place } from './read-lines.ts';

/** Something that happened: a state change or an operator's action. Keys and words, never content, numbers or addresses. */
export interface AuditEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Where a chain has got to. */
export interface ChainHead {
  /** Lines so far; lines that nobody of ours wrote and that cannot be read do not count. */
  readonly sequence: number;
  /** Hash of the last line, lower-case hex. */
  readonly hash: string;
}

/** Before the first line. */
export const emptyChain: ChainHead = { sequence: 0, hash: '0'.repeat(64) };

function lineHash(line: string | Buffer): string {
  return createHash('sha256').update(line).digest('hex');
}

/**
 * Makes the next line.
 *
 * @param at - ISO time.
 * @returns the line without its line break, and the head after it.
 */
export function chainLine(head: ChainHead, at: string, event: AuditEvent): { readonly line: string; readonly head: ChainHead } {
  const sequence = head.sequence + 1;
  const line = JSON.stringify({ sequence, previous: head.hash, at, ...event });
  return { line, head: { sequence, hash: lineHash(line) } };
}

/** A line as it can be read. */
interface Entry {
  readonly sequence: number;
  readonly previous?: unknown;
  readonly event?: unknown;
  readonly next?: unknown;
}

/** Reads a line; undefined where it is not one of the log, whatever else it is. */
export function readEntry(text: string): Entry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Somebody else's line is no error of ours: it is named as broken.
    return undefined;
  }
  const { sequence } = (typeof value === 'object' && value !== null ? value : {}) as { sequence?: unknown };
  // The line after it needs a number too.
  return Number.isSafeInteger(sequence) && Number(sequence) > 0 && Number.isSafeInteger(Number(sequence) + 1)
    ? (value as Entry)
    : undefined;
}

/** The head after a line: what the next one has to follow. What cannot be read has a hash too, so that it cannot be removed unseen. */
export function headAfter(head: ChainHead, raw: Buffer, entry: Entry | undefined): ChainHead {
  return { sequence: entry?.sequence ?? head.sequence, hash: lineHash(raw) };
}

/** A place where a log is not what was written. */
export interface BrokenLink {
  readonly blob: string;
  /** From 1. */
  readonly line: number;
  readonly problem: string;
}

/** What {@link followChain} has found. */
export interface Followed {
  /** Lines that were read. */
  readonly lines: number;
  /** The first and the last of them that can be read, with their heads. */
  readonly first?: ChainHead & Place;
  readonly last?: ChainHead & Place;
  /** The first place where the log is not what was written, and how many there are. */
  readonly broken?: BrokenLink;
  readonly brokenLinks: number;
}

/** What {@link followChain} goes by. */
export interface Following {
  /** The head before the first line. @default that of a new chain */
  readonly head?: ChainHead;
  /** Heads that were noted elsewhere when they were the end: without them lines cut off at the end go unseen. */
  readonly checkpoints?: readonly ChainHead[];
  /** Lines that are read at most. */
  readonly atMost?: number;
  /** Names of blobs from this one on are not wanted; the first line there still has to follow the last line that is. */
  readonly before?: string;
}

/** Follows the chain through lines, oldest first. After a broken link it goes on with the line as it is, so that the rest is checked too. */
export async function followChain(lines: AsyncIterable<LogLine>, following: Following): Promise<Followed> {
  const { checkpoints = [], atMost = Infinity, before } = following;
  const noted = new Map(checkpoints.map(({ sequence, hash }) => [sequence, hash]));
  let { head = emptyChain } = following;
  // Where the blob before has been altered, it does not get to say what its end was.
  head = { ...head, hash: noted.get(head.sequence) ?? head.hash };
  let [first, last]: (Followed['first'] | undefined)[] = [];
  let end = { blob: '', line: 0 };
  let count = 0;
  let broken: BrokenLink | undefined;
  let brokenLinks = 0;
  const breaks = (place: Pick<Place, 'blob' | 'line'>, problem: string) => {
    brokenLinks += 1;
    broken ??= { blob: place.blob, line: place.line, problem };
  };
  const result = () => ({ lines: count, ...(first && { first }), ...(last && { last }), ...(broken && { broken }), brokenLinks });

  for await (const { text, raw, ...place } of lines) {
    if (count === atMost) return result();
    const entry = readEntry(text);
    const problem = problemOf(entry, head);
    if (problem !== undefined) breaks(place, problem);
    if (before !== undefined && place.blob >= before) return result();
    head = headAfter(head, raw, entry);
    count += 1;
    end = place;
    if (entry === undefined) continue;
    if (problem === undefined && (noted.get(head.sequence) ?? head.hash) !== head.hash) {
      breaks(place, 'is not the line that was there when its checkpoint was noted');
    }
    last = { ...head, ...place };
    first ??= last;
  }
  const expected = [...noted.keys()].reduce((one, other) => Math.max(one, other), 0);
  if (expected > head.sequence) {
    breaks(end, `is where the log ends; it went on to line ${expected} of the chain when the last checkpoint was noted`);
  }
  return result();
}

function problemOf(entry: Entry | undefined, head: ChainHead): string | undefined {
  if (entry === undefined) return 'is not a line of the log';
  if (entry.previous === head.hash && entry.sequence === head.sequence + 1) return undefined;
  return entry.sequence === head.sequence + 1
    ? `does not follow the line before it: line ${head.sequence} of the chain was altered`
    : `is line ${entry.sequence} of the chain where line ${head.sequence + 1} belongs: a line was removed, added or moved`;
}
