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

const CLOSED_BY: Readonly<Record<string, string>> = { '"': '"', '(': ')', '<': '>' };

/**
 * Splits a list at commas and semicolons outside quotes, comments and angle brackets, and takes group names off. postal-mime would parse a
 * nest of groups fifty times over, which costs 8 s on 2 MB of `a:a:a:`.
 */
function splitList(text: string): string[] {
  const entries: string[] = [];
  // A colon names a group only where a semicolon can end it; else it is part of a name, and the parser must not see it.
  const lastSemicolon = text.lastIndexOf(';');
  let entry = '';
  let expected = '';
  const finish = () => {
    if (entry.trim() !== '') entries.push(entry.trim());
    entry = '';
  };
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (expected === '') {
      if (character === ',' || character === ';') finish();
      else if (character !== ':') entry += character;
      else entry = i < lastSemicolon ? '' : entry.trimEnd();
      expected = CLOSED_BY[character] ?? '';
      continue;
    }
    entry += character;
    if (expected === '"' && character === '\\') entry += text.charAt(++i);
    else if (character === expected) expected = '';
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

function readEntry(entry: string): Address[] {
  if (entry.length > ENTRY_CHARACTERS) return [readLongEntry(entry)];
  const [, before, address, after = ''] = PLAIN_ENTRY.exec(entry) ?? [];
  if (before !== undefined && address !== undefined) return [{ name: decodeWords(`${before} ${after}`.trim()), address }];
  return addressParser(entry, { flatten: true }).flatMap((mailbox) => (mailbox.group === undefined ? [mailbox] : mailbox.group));
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
