/**
 * Names of folders and files on disk, made of names that came from outside: nothing leaves its folder, and nothing misleads a reader.
 *
 * @module
 */
import { createHash } from 'node:crypto';

// Controls, format characters (bidi overrides, zero width), lone surrogates, line separators, and what Windows or a path gives a meaning.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}%/\\:*?"<>|]/gu;
const EDGES = /^[. ]+|[. ]+$/g;
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

// A file name may have 255 bytes; the number of the message and of the attachment stand in front of it.
const FOLDER_NAME_BYTES = 180;
const FILE_NAME_BYTES = 120;

function percentEncode(text: string): string {
  return [...Buffer.from(text, 'utf8')].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}

function firstBytes(text: string, limit: number): string {
  let cut = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > limit) break;
    cut += character;
  }
  return cut;
}

/**
 * The folder on disk for a mailbox or a mail folder. Different names have different folders: unsafe characters are written as `%XX`,
 * and an over-long name ends in a digest.
 */
export function directoryName(name: string): string {
  const escaped = name.replace(UNSAFE, percentEncode).replace(EDGES, percentEncode).replace(RESERVED, percentEncode);
  if (escaped === '') return '%';
  if (Buffer.byteLength(escaped) <= FOLDER_NAME_BYTES) return escaped;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `${firstBytes(escaped, FOLDER_NAME_BYTES)}~${digest}`;
}

/** The name that {@link directoryName} wrote, where it can be told. */
export function nameOfDirectory(directory: string): string {
  try {
    return directory === '%' ? '' : decodeURIComponent(directory.replace(/%(?![0-9A-F]{2})/g, '%25'));
  } catch {
    // Somebody made the folder by hand: its own name is then the best there is.
    return directory;
  }
}

/** The last part of an attachment's file name on disk: readable, harmless, and with its extension. The true name stays in the JSON. */
export function attachmentFileName(name: string): string {
  const harmless = name.replace(UNSAFE, '_').replace(EDGES, '_').replace(RESERVED, '_$&');
  if (harmless === '') return 'attachment';
  if (Buffer.byteLength(harmless) <= FILE_NAME_BYTES) return harmless;
  const extension = /\.[A-Za-z0-9]{1,12}$/.exec(harmless)?.[0] ?? '';
  return `${firstBytes(harmless, FILE_NAME_BYTES - extension.length)}${extension}`;
}
