/**
 * Turns bytes of any charset into text that can go into a mailbox: never throws, never leaves a character that JSON or Exchange refuses.
 *
 * @module
 */
import { TextDecoder } from 'node:util';

const utf8 = new TextDecoder('utf-8', { fatal: true });
const utf16be = new TextDecoder('utf-16be');
const windows1252 = new TextDecoder('windows-1252');

/** Names seen in messages that the Encoding Standard, and so TextDecoder, does not know. */
const CHARSET_ALIASES = new Map([
  ['iso-8859-8-e', 'iso-8859-8'],
  ['cp932', 'shift_jis'],
  ['cp936', 'gbk'],
  ['cp949', 'euc-kr'],
  ['cp950', 'big5'],
  ['cp1255', 'windows-1255'],
  ['cp1251', 'windows-1251'],
]);

/** Decoders by label. Only labels that TextDecoder knows are kept, so a message cannot make the map grow. */
const decoders = new Map<string, TextDecoder>();

function findDecoder(charset: string): TextDecoder | undefined {
  const label = CHARSET_ALIASES.get(charset) ?? charset;
  const known = decoders.get(label);
  if (known !== undefined) return known;
  try {
    const decoder = new TextDecoder(label);
    decoders.set(label, decoder);
    return decoder;
  } catch {
    // An unknown charset is no reason to lose the item: the caller falls back.
    return undefined;
  }
}

/** UTF-8 where the bytes are valid UTF-8, else `undefined`. */
function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** RFC 2152. TextDecoder has no UTF-7, and without it a Hebrew or Chinese body of an old gateway is unreadable. */
function decodeUtf7(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('latin1');
  return text.replace(/\+([A-Za-z0-9+/]*)-?/g, (_, shifted: string) =>
    shifted === '' ? '+' : utf16be.decode(Buffer.from(shifted, 'base64').subarray(0, Math.floor((shifted.length * 3) / 8) * 2)),
  );
}

/**
 * Decodes bytes, best effort.
 *
 * @param charset - As the message names it; UTF-8 is tried where it is absent or unknown, and windows-1252 takes what is no UTF-8.
 */
export function decodeBytes(bytes: Uint8Array, charset?: string): string {
  const label = (charset ?? '').trim().toLowerCase();
  if (label === 'utf-7' || label === 'unicode-1-1-utf-7') return decodeUtf7(bytes);
  if (label.startsWith('utf-16') || label === 'unicode' || label === 'ucs-2') {
    // A mark decides, then the label. A label without an order says little: a zero first byte is that of all Latin text.
    const mark = Buffer.from(bytes.subarray(0, 2)).toString('hex');
    const named = /(be|le)$/.exec(label)?.[1] ?? (bytes[0] === 0 ? 'be' : 'le');
    const order = mark === 'feff' ? 'be' : mark === 'fffe' ? 'le' : named;
    return new TextDecoder(`utf-16${order}`).decode(bytes);
  }
  const decoder = label === '' || label === 'us-ascii' || label === 'utf-8' ? undefined : findDecoder(label);
  return decoder?.decode(bytes) ?? decodeUtf8(bytes) ?? windows1252.decode(bytes);
}

/**
 * Decodes a header value that was read byte by byte. Raw 8-bit text is no standard, but gateways send it.
 *
 * @param raw - One character a byte.
 * @param charset - Charset of the item's text, tried where the bytes are no UTF-8.
 */
export function decodeHeaderText(raw: string, charset?: string): string {
  // oxlint-disable-next-line no-control-regex
  if (!/[^\x00-\x7f]/.test(raw)) return raw;
  const bytes = Buffer.from(raw, 'latin1');
  return decodeUtf8(bytes) ?? decodeBytes(bytes, charset);
}

/** Decodes a header block as a whole: UTF-8 where it is valid, else Latin 1, which loses no byte. */
export function decodeHeaderBlock(bytes: Buffer): string {
  return decodeUtf8(bytes) ?? bytes.toString('latin1');
}

// C0 except tab, line feed and carriage return, DEL, and the two code points that are no characters: XML, and so Exchange, has none of them.
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/g;
// oxlint-disable-next-line no-control-regex
const LINE_BREAKING = /[\t\n\r\u0085\u2028\u2029]+/g;

/** Removes what may not stand in a text of several lines; half of a surrogate pair, which Graph refuses, becomes a replacement character. */
export function cleanText(text: string): string {
  return text.replace(CONTROLS, '').toWellFormed();
}

/** Removes what may not stand in a text of one line; line breaks and tabs become a space. */
export function cleanLine(text: string): string {
  return cleanText(text.replace(LINE_BREAKING, ' ')).trim();
}

/** Cuts a text without splitting a surrogate pair, which Graph would refuse. @param length - In UTF-16 code units. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text;
  const end = /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length;
  return text.slice(0, end);
}
