/**
 * Reads a structured header such as `text/plain; charset=utf-8` into its value and its parameters, RFC 2231 included.
 *
 * @module
 */
import { decodeBytes } from './decode-text.ts';

/** A value and its parameters, names in lower case. Where a name repeats, the first counts. */
export interface StructuredHeader {
  /** Lower-case, such as `text/plain` or `attachment`; empty where absent. */
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longest header that is read, in characters: a boundary has 70, a file name 255, and hostile ones have megabytes. */
const READ_CHARACTERS = 64 * 1024;

interface Piece {
  name: string;
  value: string;
}

/**
 * Splits at semicolons and at the first equals sign of each piece, takes quotes and comments off, in one pass.
 *
 * @returns `undefined` where a comment never ends; everything after it, the boundary perhaps, would be lost.
 */
function splitPieces(text: string, withComments: boolean): Piece[] | undefined {
  const pieces: Piece[] = [];
  let name: string | undefined;
  let current = '';
  let quoted = false;
  let comments = 0;
  const finish = () => {
    pieces.push(name === undefined ? { name: current.trim(), value: '' } : { name: name.trim().toLowerCase(), value: current });
    name = undefined;
    current = '';
  };
  let pendingSpace = '';
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (quoted) {
      if (character === '"') quoted = false;
      else current += character === '\\' && i + 1 < text.length ? text.charAt(++i) : character;
    } else if (comments > 0) {
      if (character === '\\') i++;
      else if (character === '(') comments++;
      else if (character === ')') comments--;
    } else if (withComments && character === '(' && (current === '' || pendingSpace !== '' || name === undefined)) {
      // Inside a token a parenthesis is content: `filename=Invoice(1).pdf`.
      comments++;
    } else if (character === '"') {
      quoted = true;
      current += current === '' ? '' : pendingSpace;
      pendingSpace = '';
    } else if (character === ';') {
      finish();
      pendingSpace = '';
    } else if (character === '=' && name === undefined && pieces.length > 0) {
      name = current;
      current = '';
      pendingSpace = '';
    } else if (character === ' ' || character === '\t') {
      pendingSpace += character;
    } else {
      current += current === '' ? character : pendingSpace + character;
      pendingSpace = '';
    }
  }
  finish();
  return comments > 0 ? undefined : pieces;
}

/** Undoes percent encoding; what is no valid `%XX` stays as it is. @param text - One character a byte. */
export function percentDecode(text: string): Buffer {
  return Buffer.from(
    text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/** Joins the sections of RFC 2231: `name*0*=utf-8''a%20; name*1=b`. Neighbouring encoded ones are decoded as one: a character may be split over them. */
function joinSections(sections: readonly { number: number; encoded: boolean; value: string }[]): string {
  let charset = '';
  let result = '';
  let encoded: Buffer[] = [];
  const flush = () => {
    if (encoded.length > 0) result += decodeBytes(Buffer.concat(encoded), charset);
    encoded = [];
  };
  for (const [index, section] of sections.toSorted((a, b) => a.number - b.number).entries()) {
    if (!section.encoded) {
      flush();
      result += section.value;
      continue;
    }
    const start = index === 0 ? /^([^']*)'[^']*'/.exec(section.value) : null;
    if (start !== null) charset = start[1] ?? '';
    encoded.push(percentDecode(section.value.slice(start?.[0].length ?? 0)));
  }
  flush();
  return result;
}

/**
 * Parses a structured header. Anything at all may be given; what cannot be understood is left out.
 *
 * @param text - Unfolded value, one character a byte or decoded.
 */
export function parseStructuredHeader(text: string): StructuredHeader {
  const read = text.slice(0, READ_CHARACTERS);
  const [first, ...rest] = splitPieces(read, true) ?? splitPieces(read, false) ?? [];
  const parameters = new Map<string, string>();
  const sections = new Map<string, { number: number; encoded: boolean; value: string }[]>();
  for (const { name, value } of rest) {
    const section = /^([^*]+)\*(\d{1,4})?(\*)?$/.exec(name);
    if (section === null) {
      if (!parameters.has(name)) parameters.set(name, value);
      continue;
    }
    const [, base = '', number, star] = section;
    const list = sections.get(base) ?? [];
    list.push({ number: Number(number ?? 0), encoded: number === undefined || star !== undefined, value });
    sections.set(base, list);
  }
  // The extended form is the better one where both are given: the plain one is there for old readers.
  for (const [name, list] of sections) parameters.set(name, joinSections(list));
  return { value: (first?.name ?? '').toLowerCase(), parameters };
}
