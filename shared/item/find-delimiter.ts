/**
 * Finds the delimiter lines of the multiparts that are open at one place of a message.
 *
 * @module
 */
import { CR, type HeaderBlock } from './read-header.ts';

/** A multipart whose parts are being read. */
export interface Multipart {
  readonly boundary: string;
  readonly subtype: string;
  readonly header: HeaderBlock;
  /** Parts that have started. */
  parts: number;
  /** Whether its closing delimiter came. More parts may follow all the same. */
  isClosed: boolean;
}

/** Which multipart a delimiter line belongs to. */
export interface DelimiterLine {
  /** Place among the open multiparts; -1 for the end of the message, which closes them all. */
  readonly index: number;
  readonly isClosing: boolean;
}

/** A delimiter line and what lies around it. */
export interface Delimiter extends DelimiterLine {
  /** Where the content before it ends: the line end before a delimiter is part of the delimiter. */
  readonly contentEnd: number;
  /** Start of the line behind it. */
  readonly next: number;
}

/**
 * Which open multipart a line belongs to: the innermost that is not closed, else the innermost.
 *
 * @param line - Starts with two dashes; without its line end.
 * @returns `undefined` for a line that is no delimiter.
 */
export function matchDelimiter(open: readonly Multipart[], line: string): DelimiterLine | undefined {
  const text = line.slice(2).trimEnd();
  let ofClosed: DelimiterLine | undefined;
  for (let index = open.length - 1; index >= 0; index--) {
    const { boundary = '', isClosed = false } = open[index] ?? {};
    const isClosing = text.length === boundary.length + 2 && text === `${boundary}--`;
    if (!isClosing && text !== boundary) continue;
    if (!isClosed) return { index, isClosing };
    ofClosed ??= { index, isClosing };
  }
  return ofClosed;
}

/**
 * The next delimiter line.
 *
 * @param from - Start of the line at which the search starts.
 * @returns the end of the message where no delimiter is left.
 */
export function findDelimiter(raw: Buffer, lineBreak: number, open: readonly Multipart[], from: number): Delimiter {
  const start = Buffer.from([lineBreak, 0x2d, 0x2d]);
  let at = open.length === 0 ? -1 : raw.indexOf(start, Math.max(0, from - 1));
  while (at >= 0) {
    const found = raw.indexOf(lineBreak, at + 1);
    const end = found < 0 ? raw.length : found;
    const match = matchDelimiter(open, raw.toString('latin1', at + 1, end));
    if (match !== undefined) {
      const contentEnd = lineBreak !== CR && raw[at - 1] === CR ? at - 1 : at;
      return { ...match, contentEnd: Math.max(from, contentEnd), next: Math.min(end + 1, raw.length) };
    }
    at = raw.indexOf(start, end);
  }
  return { index: -1, isClosing: true, contentEnd: raw.length, next: raw.length };
}
