/**
 * The chain of the audit log: each line carries the hash of the line before it, so that no line can be changed, removed or moved unseen.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { LogLine } from './read-lines.ts';

/** Something that happened: a state change or an operator's action. Keys and words, never content, numbers or addresses. */
export interface AuditEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Where a chain has got to. */
export interface ChainHead {
  /** Lines so far. */
  readonly sequence: number;
  /** Hash of the last line, lower-case hex. */
  readonly hash: string;
}

/** Before the first line. */
export const emptyChain: ChainHead = { sequence: 0, hash: '0'.repeat(64) };

function lineHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
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

/** The head that a line is: what the next one has to follow. */
export function headOfLine(line: string): ChainHead {
  const { sequence } = JSON.parse(line) as { sequence: number };
  return { sequence, hash: lineHash(line) };
}

/** The first place where a log is not what was written. */
export interface BrokenLink {
  readonly blob: string;
  /** From 1. */
  readonly line: number;
  readonly problem: string;
}

/**
 * Follows the chain through all its lines, oldest first.
 *
 * @param checkpoints - Heads that were noted elsewhere when they were the end: without them lines cut off at the end go unseen.
 * @returns how many lines are in order, and the first broken link, if any.
 */
export async function verifyChain(
  lines: AsyncIterable<LogLine>,
  checkpoints: readonly ChainHead[] = [],
): Promise<{ readonly lines: number; readonly broken?: BrokenLink }> {
  const noted = new Map(checkpoints.map(({ sequence, hash }) => [sequence, hash]));
  let head = emptyChain;
  let last = { blob: '', line: 0 };
  for await (const { blob, line, text } of lines) {
    const problem = problemOf(text, head);
    if (problem !== undefined) return { lines: head.sequence, broken: { blob, line, problem } };
    head = headOfLine(text);
    last = { blob, line };
    if ((noted.get(head.sequence) ?? head.hash) !== head.hash) {
      return { lines: head.sequence - 1, broken: { blob, line, problem: 'is not the line that was there when its run was completed' } };
    }
  }
  const end = Math.max(0, ...noted.keys());
  if (end > head.sequence) {
    return {
      lines: head.sequence,
      broken: { ...last, problem: `is where the log ends; it went on to line ${end} of the chain when the last run was completed` },
    };
  }
  return { lines: head.sequence };
}

function problemOf(text: string, head: ChainHead): string | undefined {
  let entry: { sequence?: unknown; previous?: unknown };
  try {
    entry = JSON.parse(text) as typeof entry;
  } catch {
    return 'is not a line of the log';
  }
  if (entry.previous === head.hash && entry.sequence === head.sequence + 1) return undefined;
  return entry.sequence === head.sequence + 1
    ? `does not follow the line before it: line ${head.sequence} of the chain was altered`
    : `is line ${String(entry.sequence)} of the chain where line ${head.sequence + 1} belongs: a line was removed, added or moved`;
}
