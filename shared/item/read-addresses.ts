/**
 * Reads an address list of a header: names decoded, groups flattened, with bounds that hold on hostile input.
 *
 * @module
 */
import { addressParser, decodeWords } from 'postal-mime';
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import { cleanLine, cutText, decodeHeaderText } from './decode-text.ts';
import type { Address } from './parsed-item.ts';

/** Characters of one entry that go to the parser: a name of 512 characters takes at most this many in encoded words. */
const ENTRY_CHARACTERS = limits.displayNameCharacters * 16;

/** An address in angle brackets: where one is, somebody is meant. */
const ANGLE_ADDRESS = /<[^<>@]*@[^<>]*>/g;
/** What stands before a quoted word, and behind it. */
const BEFORE_QUOTE = /[\s,;:(<]/;
const AFTER_QUOTE = /[\s,;:.@<(>)]/;

/** For each place, the next one at or behind it where an address in angle brackets starts; the length of the text where there is none. */
function nextAddresses(text: string): Int32Array {
  const next = new Int32Array(text.length + 1).fill(text.length);
  for (const { index } of text.matchAll(ANGLE_ADDRESS)) next[index] = index;
  for (let i = text.length - 1; i >= 0; i -= 1) next[i] = Math.min(next[i] ?? text.length, next[i + 1] ?? text.length);
  return next;
}

/** For each opening parenthesis the place of the one that closes it, else 0. */
function closingParentheses(text: string): Int32Array {
  const closing = new Int32Array(text.length);
  const open: number[] = [];
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '(') open.push(i);
    else if (text[i] === ')') closing[open.pop() ?? i] = i;
  }
  return closing;
}

/** Where the quoted string that starts here ends; 0 where it does not end, or is no word: `5"` is an inch. */
function endOfQuote(text: string, start: number): number {
  // Asked first: an escaped quote is no start, so that no stretch of text is looked through twice.
  if (start > 0 && !BEFORE_QUOTE.test(text[start - 1] ?? '')) return 0;
  let end = start + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  if (end >= text.length) return 0;
  return end + 1 === text.length || AFTER_QUOTE.test(text[end + 1] ?? '') ? end : 0;
}

function endOfAngle(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && text[end] !== '<' && text[end] !== '>') end += 1;
  return text[end] === '>' ? end : 0;
}

/**
 * Splits a list at commas and semicolons outside quotes, comments and angle brackets, and takes group names off. postal-mime would parse a
 * nest of groups fifty times over, which costs 8 s on 2 MB of `a:a:a:`.
 *
 * A bracket or quote that does not end, or that would swallow somebody's address, is text: `Ben :( <ben@…>, Chen <chen@…>` are two people.
 * Each character is looked at a fixed number of times, whatever is open.
 */
function splitList(text: string): string[] {
  const entries: string[] = [];
  // A colon names a group only where a semicolon can end it; else it is part of a name, and the parser must not see it.
  const lastSemicolon = text.lastIndexOf(';');
  const addresses = nextAddresses(text);
  const parentheses = closingParentheses(text);
  let entry = '';
  let isBlank = true;
  const finish = () => {
    if (entry.trim() !== '') entries.push(entry.trim());
    entry = '';
    isBlank = true;
  };
  const swallows = (start: number, end: number) => (addresses[start] ?? text.length) < end;
  const endOf = (character: string, start: number): number => {
    if (character === '<') return endOfAngle(text, start);
    if (character === '"') {
      const end = endOfQuote(text, start);
      // At the start of an entry it is a name in any case: who is named after somebody's address must not stand for them.
      return isBlank || !swallows(start, end) ? end : 0;
    }
    const end = character === '(' ? (parentheses[start] ?? 0) : 0;
    return swallows(start, end) ? 0 : end;
  };
  for (let i = 0; i < text.length; i += 1) {
    const character = text.charAt(i);
    const end = endOf(character, i);
    if (end > i) {
      entry += text.slice(i, end + 1);
      isBlank = false;
      i = end;
    } else if (character === ',' || character === ';') {
      finish();
    } else if (character === ':') {
      if (i < lastSemicolon) {
        entry = '';
        isBlank = true;
      }
    } else {
      entry += character;
      isBlank &&= character.trim() === '';
    }
  }
  finish();
  return entries;
}

/** An entry of more characters than the parser is given: the address at its end, and the start of its name as it stands. */
function readLongEntry(entry: string): Address {
  const open = entry.lastIndexOf('<');
  const close = entry.indexOf('>', open);
  const address = open >= 0 && close - open - 1 <= limits.addressCharacters ? entry.slice(open + 1, Math.max(open + 1, close)) : '';
  return { name: entry.slice(0, limits.displayNameCharacters), address };
}

/** `Ada Fields (16175550101) <ada@contoso.example>`: by the grammar the number is a comment, and a parser drops it; here it counts most. */
const PLAIN_ENTRY = /^([^"<>]*)<([^<>]*)>([^"<>]*)$/;

/** A quoted string from its start to its end. */
const QUOTED = /"(?:[^"\\]|\\.)*"/gs;
const LAST_ADDRESS = /^(.*)<([^<>]*@[^<>]*)>([^<>]*)$/s;

function readEntry(entry: string): Address[] {
  if (entry.length > ENTRY_CHARACTERS) return [readLongEntry(entry)];
  const [, before, address, after = ''] = PLAIN_ENTRY.exec(entry) ?? [];
  if (before !== undefined && address !== undefined) return [{ name: decodeWords(`${before} ${after}`.trim()), address }];
  const read = addressParser(entry, { flatten: true }).flatMap((mailbox) => (mailbox.group === undefined ? [mailbox] : mailbox.group));
  // A stray quote or bracket hides from the parser who is plainly there; what is inside a quoted string is a name, whatever it looks like.
  const [, name = '', last, rest = ''] = LAST_ADDRESS.exec(entry.replace(QUOTED, '')) ?? [];
  const isMissed = last !== undefined && !read.some((one) => one.address.toLowerCase() === last.trim().toLowerCase());
  return isMissed ? [{ name: decodeWords(`${name} ${rest}`.replace(/["<>]/g, ' ').trim()), address: last.trim() }] : read;
}

/**
 * Reads all values of an address header.
 *
 * @param values - One character a byte, as {@link HeaderFields} gives them.
 * @param charset - Charset of the item's text, for raw 8-bit names.
 * @throws PermanentError `too-many-participants` for more entries than `limits.participants`.
 */
export function readAddresses(values: readonly string[], charset?: string): Address[] {
  const entries = values.flatMap((value) => splitList(decodeHeaderText(value, charset)));
  if (entries.length > limits.participants) {
    throw new PermanentError(
      'too-many-participants',
      `A header of the item lists more than ${limits.participants} addresses (limit participants). Look at its raw bytes.`,
    );
  }
  return entries
    .flatMap(readEntry)
    .map(({ name, address }) => ({
      name: cutText(cleanLine(name), limits.displayNameCharacters),
      address: cutText(cleanLine(address), limits.addressCharacters),
    }))
    .filter(({ name, address }) => name !== '' || address !== '');
}
