/**
 * Gives an attachment a file name that is safe to show, to store and to open.
 *
 * @module
 */
import { limits } from '../limits.ts';
import { cleanLine, cutText, decodeHeaderText } from './decode-text.ts';
import { decodeWords } from './decode-words.ts';
import type { Part } from './locate-parts.ts';
import { parseStructuredHeader } from './structured-header.ts';

/** Extensions of the types that phones send, for parts that have no name. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['application/pdf', '.pdf'],
  ['application/pkcs7-mime', '.p7m'],
  ['application/pkcs7-signature', '.p7s'],
  ['application/smil', '.smil'],
  ['application/zip', '.zip'],
  ['audio/aac', '.aac'],
  ['audio/amr', '.amr'],
  ['audio/mp4', '.m4a'],
  ['audio/mpeg', '.mp3'],
  ['audio/ogg', '.ogg'],
  ['audio/wav', '.wav'],
  ['audio/x-wav', '.wav'],
  ['image/gif', '.gif'],
  ['image/heic', '.heic'],
  ['image/jpeg', '.jpg'],
  ['image/png', '.png'],
  ['image/webp', '.webp'],
  ['message/rfc822', '.eml'],
  ['text/calendar', '.ics'],
  ['text/csv', '.csv'],
  ['text/html', '.html'],
  ['text/plain', '.txt'],
  ['text/vcard', '.vcf'],
  ['text/x-vcard', '.vcf'],
  ['video/3gpp', '.3gp'],
  ['video/mp4', '.mp4'],
  ['video/quicktime', '.mov'],
]);

/** Raw characters of a name that are decoded: one character takes at most 12 in an encoded word, and its frame four times that. */
const RAW_CHARACTERS = limits.fileNameCharacters * 64;

/** An extension is what follows the last dot, as long as it is short; it decides what opens the file, so cutting must not lose it. */
const EXTENSION = /\.[^.\s]{1,16}$/;

// Marks that turn the direction of text: `evil<202E>gnp.exe` would be shown as `evilexe.png`.
const BIDI_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** What NTFS, and so a download on Windows, does not take in a name; a colon there names a hidden stream. */
const FORBIDDEN = /[/\\:*?"<>|]/g;

/** Names of devices, which Windows opens instead of the file, whatever their extension. */
const DEVICE = /^(?:con|prn|aux|nul|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])(?=[ .]|$)/i;

/** What says nothing at the end of a name: Windows drops dots and blanks, and characters without width hide the extension. */
const TRAILING = /[. \p{Zs}\p{Cf}]/u;

/** Cuts off the end, step by step: a pattern would read a long run of blanks from each of them. */
function trimName(name: string): string {
  let end = name.length;
  while (end > 0 && TRAILING.test(name.charAt(end - 1))) end--;
  return name.slice(0, end);
}

/** The name that a part gives itself, decoded, or `undefined`. @param charset - Charset of the item's text, for raw 8-bit names. */
export function readFileName(part: Pick<Part, 'fields'>, charset?: string): string | undefined {
  const read = (field: string, parameter: string) =>
    parseStructuredHeader(decodeHeaderText(part.fields.first(field) ?? '', charset)).parameters.get(parameter);
  const name = read('content-disposition', 'filename') ?? read('content-type', 'name');
  return name === undefined ? undefined : decodeWords(cutText(name, RAW_CHARACTERS));
}

/**
 * Makes a name safe.
 *
 * @param name - As the item gives it.
 * @param position - Place of the attachment in the item, from 1, for one without a usable name.
 * @param contentType - Gives such a one its extension.
 */
export function nameAttachment(name: string | undefined, position: number, contentType: string): string {
  // oxlint-disable-next-line no-control-regex
  const line = cleanLine((name ?? '').replace(/[\u0080-\u009f]/g, ''));
  const clean = trimName(line.replace(BIDI_CONTROLS, '').replace(FORBIDDEN, '_')).replace(DEVICE, '_$&');
  if (!/[^._\p{Zs}\p{Cf}]/u.test(clean)) return `attachment-${position}${EXTENSIONS.get(contentType) ?? ''}`;
  const extension = EXTENSION.exec(clean)?.[0] ?? '';
  const stem = clean.slice(0, clean.length - extension.length);
  return cutText(stem, limits.fileNameCharacters - extension.length) + extension;
}
