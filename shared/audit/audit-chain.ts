/**
 * The chain of the audit log: each line carries the hash of the line before it, so that no line can be changed, removed or moved unseen.
 *
 * @module
 */
import { createHash } from 'node:crypto';

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
 * @param expectedHead - What the log must end with, where it is known: without it lines cut off at the end go unseen.
 * @returns the first broken link, or undefined; and how many lines were read.
 */
export async function verifyChain(
  lines: AsyncIterable<{ readonly blob: string; readonly line: number; readonly text: string }>,
  expectedHead?: ChainHead,
): Promise<{ readonly lines: number; readonly broken?: BrokenLink }> {
  let head = emptyChain;
  let count = 0;
  let last = { blob: '', line: 0 };
  for await (const { blob, line, text } of lines) {
    last = { blob, line };
    let entry: { sequence?: unknown; previous?: unknown };
    try {
      entry = JSON.parse(text) as typeof entry;
    } catch {
      return { lines: count, broken: { blob, line, problem: 'is not a line of the log' } };
    }
    if (entry.previous !== head.hash) {
      const problem =
        entry.sequence === head.sequence + 1
          ? `does not follow the line before it: line ${head.sequence} of the chain was altered`
          : `is line ${String(entry.sequence)} of the chain where line ${head.sequence + 1} belongs: a line was removed, added or moved`;
      return { lines: count, broken: { blob, line, problem } };
    }
    head = headOfLine(text);
    count += 1;
  }
  if (expectedHead !== undefined && expectedHead.hash !== head.hash) {
    const problem = `is where the log ends, at line ${head.sequence} of the chain; it should end at line ${expectedHead.sequence} with another hash`;
    return { lines: count, broken: { ...last, problem } };
  }
  return { lines: count };
}
