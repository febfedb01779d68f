/**
 * Decodes the bytes of a mapping file: UTF-8, or UTF-16 with a byte order mark, as spreadsheets save it.
 *
 * @module
 */
import { MappingFileError, type MappingProblem } from './mapping-file-error.ts';

const LF = 0x0a;
const SAVE_AS = 'save the file as "CSV UTF-8" and upload it again';

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    // What is no UTF-8 is a problem to be told, with its line.
    return false;
  }
}

/** Lines that are no UTF-8. No character of UTF-8 contains the byte of a line feed, so that lines can be told apart before decoding. */
function findBadLines(bytes: Uint8Array): MappingProblem[] {
  const problems: MappingProblem[] = [];
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const found = bytes.indexOf(LF, start);
    const end = found < 0 ? bytes.length : found;
    if (!isUtf8(bytes.subarray(start, end))) problems.push({ line, problem: `has characters that are not UTF-8; ${SAVE_AS}` });
    start = end + 1;
  }
  return problems;
}

/**
 * Decodes the file and makes every line end a line feed, so that lines can be counted.
 *
 * @throws MappingFileError that names the lines that cannot be decoded.
 */
export function decodeMappingFile(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const utf16 = first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : undefined;
  if (utf16 === undefined && !isUtf8(bytes)) throw new MappingFileError(findBadLines(bytes));
  // TextDecoder takes the mark off. Broken UTF-16 becomes U+FFFD, which is refused with the NULs of UTF-16 that has no mark.
  const text = new TextDecoder(utf16 ?? 'utf-8').decode(bytes).replace(/\r\n?/g, '\n');
  // oxlint-disable-next-line no-control-regex
  const broken = text.split('\n').flatMap((line, index) => (/[\u0000\ufffd]/.test(line) ? [index + 1] : []));
  if (broken.length > 0) {
    throw new MappingFileError(broken.map((line) => ({ line, problem: `has characters that could not be read; ${SAVE_AS}` })));
  }
  return text;
}
