/**
 * Reads an address list of a header: names decoded, groups flattened, with bounds that hold on hostile input.
 *
 * @module
 */
import { addressParser } from 'postal-mime';
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import { cleanLine, cutText, decodeHeaderText } from './decode-text.ts';
import { decodeWords, joinWords } from './decode-words.ts';
import type { Address } from './parsed-item.ts';
import { restoreSigns, splitAddresses } from './split-addresses.ts';

/** Characters of one entry that go to the parser: a name of 512 characters takes at most this many in encoded words. */
const ENTRY_CHARACTERS = limits.displayNameCharacters * 16;

/** An entry of more characters than the parser is given: the address at its end, and the start of its name as it stands. */
function readLongEntry(entry: string): Address {
  const open = entry.lastIndexOf('<');
  const close = entry.indexOf('>', open);
  const address = open >= 0 && close - open - 1 <= limits.addressCharacters ? entry.slice(open + 1, Math.max(open + 1, close)) : '';
  return { name: cutText(entry, limits.displayNameCharacters), address };
}

/** `Ada Fields (16175550101) <ada@contoso.example>`: by the grammar the number is a comment, and a parser drops it; here it counts most. */
const PLAIN_ENTRY = /^([^"<>]*)<([^<>]*)>([^"<>]*)$/;

function readEntry(entry: string): Address[] {
  if (entry.length > ENTRY_CHARACTERS) return [readLongEntry(entry)];
  const [, before, address, after = ''] = PLAIN_ENTRY.exec(entry) ?? [];
  if (before !== undefined && address !== undefined) return [{ name: decodeWords(restoreSigns(`${before} ${after}`.trim())), address }];
  return addressParser(joinWords(entry), { flatten: true }).flatMap((mailbox) => (mailbox.group === undefined ? [mailbox] : mailbox.group));
}

/**
 * `<ben@x.example, Chen <chen@x.example>`: a bracket without its pair is no part of the address before which it stands, and neither is the
 * `smtp:` of Exchange's lists or the `mailto:` of a link.
 */
function cleanAddress(address: string): string {
  return cleanLine(restoreSigns(address))
    .replace(/^[<(]+(?=[^<>()\s]+$)/, '')
    .replace(/^(?:mailto|smtp):\s*/i, '');
}

/**
 * Reads all values of an address header.
 *
 * @param values - One character a byte, as {@link HeaderFields} gives them.
 * @param charset - Charset of the item's text, for raw 8-bit names.
 * @throws PermanentError `too-many-participants` for more entries than `limits.participants`.
 */
export function readAddresses(values: readonly string[], charset?: string): Address[] {
  const entries = values.flatMap((value) => splitAddresses(decodeHeaderText(value, charset)));
  if (entries.length > limits.participants) {
    throw new PermanentError(
      'too-many-participants',
      `A header of the item lists more than ${limits.participants} addresses (limit participants). Look at its raw bytes.`,
    );
  }
  return entries
    .flatMap(readEntry)
    .map(({ name, address }) => ({
      name: cutText(cleanLine(restoreSigns(name)), limits.displayNameCharacters),
      address: cutText(cleanAddress(address), limits.addressCharacters),
    }))
    .filter(({ name, address }) => name !== '' || address !== '');
}
