/**
 * Locates the parts of a MIME message in its bytes, without copying or changing any of them.
 *
 * Written here, because attachments are evidence: the parser that the rest is built on ends every line with LF, adds one at the end, and
 * turns calendars into UTF-8. One pass over the bytes; depth, breadth and headers are bounded.
 *
 * @module
 */
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import { decodeTransfer } from './decode-transfer.ts';
import { findDelimiter, matchDelimiter, type Multipart } from './find-delimiter.ts';
import { findLineBreak, HeaderFields, headersTooLong, readHeader, type HeaderBlock } from './read-header.ts';
import { parseStructuredHeader, type StructuredHeader } from './structured-header.ts';

/** A part that holds content: text, a file, a message. */
export interface Part {
  readonly fields: HeaderFields;
  /** Media type and its parameters; the default where the part names none. */
  readonly type: StructuredHeader;
  readonly disposition: StructuredHeader;
  /** The multipart/alternative that it is in, if any. Same object for all of its parts. */
  readonly alternative: object | undefined;
  /** Which of its alternatives the part belongs to: one may be a multipart of several texts. */
  readonly alternativeIndex: number;
  /** Content without its transfer encoding, byte for byte. Decoded anew at each call. */
  content(): Buffer;
}

/** A message: its own header and its parts in order. */
export interface LocatedMessage {
  readonly header: HeaderBlock;
  /** The bytes of the header block. */
  readonly headerBytes: Buffer;
  readonly parts: readonly Part[];
}

const EPILOGUE = new HeaderFields('Content-Type: text/plain\nContent-Disposition: attachment; filename=epilogue.txt', '\n');

const CONTENT_TYPE = /^[\w.+!#$&^-]{1,127}\/[\w.+!#$&^-]{1,127}$/;

function readType(fields: HeaderFields, parent: Multipart | undefined): StructuredHeader {
  const type = parseStructuredHeader(fields.first('content-type') ?? '');
  if (CONTENT_TYPE.test(type.value)) return type;
  // RFC 2045: no type, or none that can be read, is plain text; RFC 2046: in a digest it is a message.
  const otherwise = parent?.subtype === 'multipart/digest' ? 'message/rfc822' : 'text/plain';
  const isFile = type.value !== '' && type.value !== 'text' && type.parameters.has('name');
  return { value: isFile ? 'application/octet-stream' : otherwise, parameters: type.parameters };
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

/**
 * Locates all parts.
 *
 * What stands behind a closing delimiter does not vanish: parts there are parts, and any other text is attached as `epilogue.txt`. A
 * preamble is left out where parts follow it: RFC 2046 has it ignored, and mailers write there that a reader is too old for MIME.
 *
 * @param raw - The whole message.
 * @throws PermanentError `unreadable`, which names the limit that the message exceeds.
 */
export function locateParts(raw: Buffer): LocatedMessage {
  const lineBreak = findLineBreak(raw);
  const open: Multipart[] = [];
  const parts: Part[] = [];
  let headerBytes = 0;
  let count = 0;

  const addPart = (fields: HeaderFields, start: number, end: number, type: StructuredHeader) => {
    const encoded = raw.subarray(start, Math.max(start, end));
    const alternative = open.findLast((multipart) => multipart.subtype === 'multipart/alternative');
    parts.push({
      fields,
      type,
      disposition: parseStructuredHeader(fields.first('content-disposition') ?? ''),
      alternative,
      alternativeIndex: alternative?.parts ?? 0,
      content: () => decodeTransfer(encoded, fields.first('content-transfer-encoding') ?? ''),
    });
  };

  const countPart = () => {
    if (++count <= limits.mimeParts) return;
    throw new PermanentError(
      'unreadable',
      `The item has more than ${limits.mimeParts} MIME parts (limit mimeParts). Look at its raw bytes.`,
    );
  };

  const readPart = (start: number): HeaderBlock => {
    countPart();
    const header = readHeader(raw, start, lineBreak, (line) => matchDelimiter(open, line) !== undefined);
    headerBytes += header.end - header.start;
    if (headerBytes > limits.headerBytes) throw headersTooLong();
    // `--b`, `Note: bring milk`, `--b`: a part that somebody wrote without its empty line, and no header.
    const isText = start > 0 && !header.endsEmpty && !header.fields.hasPrefix('content-');
    return isText ? { ...header, end: header.start, bodyStart: header.start, fields: new HeaderFields('', '\n') } : header;
  };

  const root = readPart(0);
  let header: HeaderBlock | undefined = root;
  let position = root.bodyStart;
  do {
    const parent = open.at(-1);
    const type = header === undefined ? undefined : readType(header.fields, parent);
    const boundary = type?.value.startsWith('multipart/') === true ? type.parameters.get('boundary')?.trimEnd() : undefined;
    const isMultipart = boundary !== undefined && boundary !== '';
    if (header !== undefined && type !== undefined && isMultipart) {
      if (open.length >= limits.mimeNestingDepth) {
        throw new PermanentError(
          'unreadable',
          `The item has MIME parts nested more than ${limits.mimeNestingDepth} deep (limit mimeNestingDepth). Look at its raw bytes.`,
        );
      }
      open.push({ boundary, subtype: type.value, header, parts: 0, isClosed: false });
    }
    const delimiter = findDelimiter(raw, lineBreak, open, position);
    if (header !== undefined && type !== undefined && !isMultipart) {
      // A multipart without a boundary has no parts, but its text is there.
      const shown = type.value.startsWith('multipart/') ? { ...type, value: 'text/plain' } : type;
      addPart(header.fields, header.bodyStart, delimiter.contentEnd, shown);
    }
    if (header === undefined && !isBlank(raw.subarray(position, delimiter.contentEnd))) {
      countPart();
      addPart(EPILOGUE, position, delimiter.contentEnd, readType(EPILOGUE, undefined));
    }
    // A delimiter of an outer multipart ends the inner ones, whether or not they were closed.
    for (const ended of open.slice(delimiter.isClosing ? Math.max(0, delimiter.index) : delimiter.index + 1).toReversed()) {
      // No part of it ever came: what it holds would vanish, so it is kept as text.
      if (ended.parts === 0 && !ended.isClosed) {
        addPart(ended.header.fields, ended.header.bodyStart, delimiter.contentEnd, { value: 'text/plain', parameters: new Map() });
      }
      ended.isClosed = true;
    }
    open.splice(delimiter.index + 1);
    const current = open[delimiter.index];
    header = undefined;
    position = delimiter.next;
    if (!delimiter.isClosing && current !== undefined) {
      current.parts++;
      header = readPart(position);
      position = header.bodyStart;
    }
  } while (position < raw.length || header !== undefined);

  return { header: root, headerBytes: raw.subarray(root.start, root.end), parts };
}
