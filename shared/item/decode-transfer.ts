/**
 * Undoes the transfer encoding of a MIME part, byte for byte and without ever refusing what it is given.
 *
 * @module
 */

const [EQUALS, LF, CR, SPACE, TAB] = [0x3d, 0x0a, 0x0d, 0x20, 0x09] as const;

const BASE64_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const sextets = new Int8Array(256).fill(-1);
for (let i = 0; i < 64; i++) sextets[BASE64_ALPHABET.charCodeAt(i)] = i;

/** Leaves out what is no base64, and starts anew after each padding: some mailers pad every line or leave rubbish between the lines. */
function decodeBrokenBase64(bytes: Buffer): Buffer {
  const result = Buffer.allocUnsafe(Math.ceil((bytes.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    const sextet = sextets[byte] ?? -1;
    if (byte === EQUALS) bits = 0;
    if (sextet < 0) continue;
    held = ((held << 6) | sextet) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      result[length++] = held >> bits;
    }
  }
  return result.subarray(0, length);
}

function decodeBase64(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  // Buffer is thirty times as fast, but stops at the first padding and takes - and _ for data.
  const padding = text.indexOf('=');
  const whole = !/[^A-Za-z0-9+/=\s]/.test(text) && (padding < 0 || !/[^=\s]/.test(text.slice(padding)));
  return whole ? Buffer.from(text, 'base64') : decodeBrokenBase64(bytes);
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** RFC 2045: `=XX`, soft line breaks, and blanks at the end of a line, which transport may have added, dropped. Line ends stay as they are. */
function decodeQuotedPrintable(bytes: Buffer): Buffer {
  const result = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  /** Result length after the last byte of this line that was no blank. */
  let solid = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === EQUALS) {
      const high = hexDigit(bytes[i + 1]);
      const low = hexDigit(bytes[i + 2]);
      if (high >= 0 && low >= 0) {
        result[length++] = (high << 4) | low;
        solid = length;
        i += 2;
        continue;
      }
      let end = i + 1;
      while (bytes[end] === SPACE || bytes[end] === TAB) end++;
      if (bytes[end] === CR && bytes[end + 1] === LF) end++;
      if (end >= bytes.length || bytes[end] === LF || bytes[end] === CR) {
        solid = length;
        i = end;
        continue;
      }
    }
    if (byte === LF || byte === CR) length = solid;
    result[length++] = byte;
    if (byte !== SPACE && byte !== TAB) solid = length;
  }
  return result.subarray(0, solid);
}

/**
 * Decodes the content of a part.
 *
 * @param encoding - Value of Content-Transfer-Encoding. `7bit`, `8bit`, `binary` and unknown ones leave the bytes as they are.
 * @returns the bytes; for identity encodings a view of `bytes`, not a copy.
 */
export function decodeTransfer(bytes: Buffer, encoding: string): Buffer {
  const word = /[\w-]+/.exec(
    encoding
      .slice(0, 200)
      .toLowerCase()
      .replace(/\([^)]*\)/g, ''),
  )?.[0];
  if (word === 'base64') return decodeBase64(bytes);
  if (word === 'quoted-printable') return decodeQuotedPrintable(bytes);
  return bytes;
}
