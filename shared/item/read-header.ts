/**
 * Finds the header block of a message or of a MIME part and splits it into fields, in one pass over its bytes.
 *
 * @module
 */
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';

export const LF = 0x0a;
export const CR = 0x0d;
const DASH = 0x2d;

/** The fields of one header block. Values have one character a byte, are unfolded and not decoded. */
export class HeaderFields {
  readonly #fields = new Map<string, string[]>();

  /** @param block - Header block, one character a byte. @param lineBreak - The character that ends a line. */
  constructor(block: string, lineBreak: string) {
    let field: string[] = [];
    for (const line of block.replaceAll('\r\n', '\n').split(lineBreak)) {
      if (/^[ \t]/.test(line)) field.push(line);
      else {
        this.#add(field);
        field = [line];
      }
    }
    this.#add(field);
  }

  #add(lines: readonly string[]): void {
    const [first = ''] = lines;
    const colon = first.indexOf(':');
    if (colon <= 0) return;
    const name = first.slice(0, colon).trimEnd().toLowerCase();
    // A bare CR must not pass as a line of its own to whoever writes the value out again.
    const value = [first.slice(colon + 1), ...lines.slice(1)]
      .join('')
      .replace(/[\r\n]+/g, ' ')
      .trim();
    const values = this.#fields.get(name);
    if (values === undefined) this.#fields.set(name, [value]);
    else values.push(value);
  }

  /** The first value of a field, which is the one that counts, so that every reader sees the same. @param name - In lower case. */
  first(name: string): string | undefined {
    return this.#fields.get(name)?.[0];
  }

  /** All values of a field, in order. @param name - In lower case. */
  all(name: string): readonly string[] {
    return this.#fields.get(name) ?? [];
  }

  /** Whether any field's name starts like this. @param prefix - In lower case. */
  hasPrefix(prefix: string): boolean {
    return this.#fields.keys().some((name) => name.startsWith(prefix));
  }
}

/** Where a header block lies in the bytes of a message. */
export interface HeaderBlock {
  readonly start: number;
  /** Just behind the last header line's break. */
  readonly end: number;
  /** Where the body starts: behind the empty line. */
  readonly bodyStart: number;
  /** Whether something ended the block; `false` where the bytes ran out. */
  readonly isWhole: boolean;
  /** Whether an empty line ended it. */
  readonly endsEmpty: boolean;
  readonly fields: HeaderFields;
}

const FIRST_LINE = /^(?:[!-9;-~]+[ \t]*:|From |>From )/;

/**
 * The byte that ends a line: LF, or CR in a message from an old Mac, whose header block ends before any LF. One LF in its body does not
 * make it another message.
 */
export function findLineBreak(raw: Buffer): number {
  const firstLf = raw.indexOf(LF);
  if (firstLf < 0) return raw.includes(CR) ? CR : LF;
  const head = raw.subarray(0, firstLf);
  let end = head.indexOf('\r\r');
  if (end < 0) return LF;
  // CR CR LF, or more of them, is one line end of a gateway.
  while (head[end] === CR) end++;
  return end < firstLf ? CR : LF;
}

/** What is thrown where a message has more header bytes than `limits.headerBytes`. */
export function headersTooLong(): PermanentError {
  return new PermanentError(
    'unreadable',
    `The item has more than ${limits.headerBytes} bytes of headers (limit headerBytes). Look at its raw bytes.`,
  );
}

/**
 * Reads the header block that starts at `start`. Where the first line is no header field, there is no block and all is body.
 *
 * @param lineBreak - From {@link findLineBreak}.
 * @param isDelimiter - Tells whether the line, without its break, ends the block although no empty line came.
 * @throws PermanentError `unreadable` for a block longer than `limits.headerBytes`.
 */
export function readHeader(raw: Buffer, start: number, lineBreak: number, isDelimiter?: (line: string) => boolean): HeaderBlock {
  // A byte order mark is what some tool put before the message when it was saved; it belongs to no field.
  let position = start + (raw.toString('latin1', start, start + 3) === '\u00ef\u00bb\u00bf' ? 3 : 0);
  const firstLine = position;
  let bodyStart: number | undefined;
  let endsEmpty = false;
  while (bodyStart === undefined && position < raw.length) {
    const found = raw.indexOf(lineBreak, position);
    const end = found < 0 ? raw.length : found;
    // One CR belongs to the line end; gateways that end lines with CR CR LF exist.
    const isEmpty = end - position <= 2 && /^\r*$/.test(raw.toString('latin1', position, end));
    if (isEmpty && found >= 0) {
      bodyStart = end + 1;
      endsEmpty = true;
    } else if (position === firstLine && !FIRST_LINE.test(raw.toString('latin1', position, Math.min(end, position + 1024))))
      bodyStart = position;
    else if (raw[position] === DASH && isDelimiter?.(raw.toString('latin1', position, end)) === true) bodyStart = position;
    else position = Math.min(end + 1, raw.length);
    if (position - start > limits.headerBytes) throw headersTooLong();
  }
  const block = raw.toString('latin1', firstLine, position);
  return {
    start: firstLine,
    end: position,
    bodyStart: bodyStart ?? raw.length,
    isWhole: bodyStart !== undefined,
    endsEmpty,
    fields: new HeaderFields(block, String.fromCharCode(lineBreak)),
  };
}
