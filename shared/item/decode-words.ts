/**
 * Decodes encoded words (RFC 2047), also where one character is split over two of them.
 *
 * @module
 */
import { decodeWords as decodeEachWord } from 'postal-mime';

const WORD = /=\?([^?\s]{1,80})\?([QB])\?([^?]*)\?=/gi;

function bytesOf(encoding: string, text: string): Buffer {
  if (/b/i.test(encoding)) return Buffer.from(text, 'base64');
  const bytes = Buffer.from(text.replaceAll('_', ' ')).toString('latin1');
  return Buffer.from(
    bytes.replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

/**
 * Makes one word of neighbours in one charset. By the RFC each stands for itself, but mailers cut a UTF-8 text every so many bytes, and
 * postal-mime then shows a replacement character for each half.
 *
 * @param text - Cut to size: it is read in one pass, but copied.
 */
export function joinWords(text: string): string {
  let result = '';
  let run: { charset: string; words: string[]; bytes: Buffer[] } = { charset: '', words: [], bytes: [] };
  let end = 0;
  const flush = () => {
    result += run.words.length > 1 ? `=?${run.charset}?B?${Buffer.concat(run.bytes).toString('base64')}?=` : run.words.join('');
    run = { charset: '', words: [], bytes: [] };
  };
  for (const { 0: word, 1: charset = '', 2: encoding = '', 3: content = '', index } of text.matchAll(WORD)) {
    const between = text.slice(end, index);
    if (run.charset.toLowerCase() !== charset.toLowerCase() || between.trim() !== '') {
      flush();
      result += between;
      run.charset = charset;
    }
    run.words.push(word);
    run.bytes.push(bytesOf(encoding, content));
    end = index + word.length;
  }
  flush();
  return result + text.slice(end);
}

/** Decodes all encoded words of a text; what is none stays as it is. */
export function decodeWords(text: string): string {
  return decodeEachWord(joinWords(text));
}
