/**
 * Finds phone numbers in texts and reads them as E.164, the one form in which items and the mapping file can be compared.
 *
 * Nothing asks whether a number is valid: reserved and test numbers (555…) are real to us.
 *
 * @module
 */
import { getCountries, getCountryCallingCode, parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/min';
import { limits } from '../limits.ts';

/** Shorter ones are short codes, years or house numbers; the shortest full E.164 numbers have 7 digits. */
export const FEWEST_DIGITS = 7;

/** E.164: country code and number. */
export const MOST_DIGITS = 15;

/** A word of so many digits is a number by itself, whatever digits stand beside it (`Agent 7 16175550101`). */
const WHOLE_NUMBER_DIGITS = 10;

/** Zero of the digits that phones write besides ASCII: Arabic-Indic, Persian, Devanagari, Bengali, Thai, full-width. */
const ZEROS = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50, 0xff10];

/** ASCII digits, plus and hyphen for whatever Unicode has instead; format characters, which contact apps copy along, removed. */
function toAscii(text: string): string {
  return text
    .replace(/\p{Cf}/gu, '')
    .replace(/\p{Nd}/gu, (digit) => {
      const code = digit.codePointAt(0) ?? 0;
      const zero = ZEROS.find((start) => code >= start && code < start + 10);
      return zero === undefined ? digit : String(code - zero);
    })
    .replace(/[\uff0b\ufe62]/g, '+')
    .replace(/[\p{Pd}\u2212]/gu, '-')
    .replace(/[\uff08]/g, '(')
    .replace(/[\uff09]/g, ')');
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, '');
}

const CALLING_CODES: ReadonlySet<string> = new Set(getCountries().map((country): string => getCountryCallingCode(country)));

/** Whether what follows the country code may be a trunk prefix left in: `+44 020 …`, `+7 8 916 …`, `+1 1 617 …`. */
function mayHaveTrunkPrefix(digits: string): boolean {
  const length = [1, 2, 3].find((count) => CALLING_CODES.has(digits.slice(0, count))) ?? 0;
  return /[018]/.test(digits.charAt(length));
}

/** E.164. The numbering plan is asked only about a possible trunk prefix: it takes 40 µs a number, two seconds for 50,000 users. */
function readInternational(digits: string): string[] {
  if (digits.length < FEWEST_DIGITS || digits.length > MOST_DIGITS || digits.startsWith('0')) return [];
  const number = mayHaveTrunkPrefix(digits) ? parsePhoneNumberFromString(`+${digits}`, { extract: false })?.number : undefined;
  return [number ?? `+${digits}`];
}

function readNational(digits: string, country: CountryCode | undefined): string[] {
  if (country === undefined || digits.length < FEWEST_DIGITS) return [];
  const number = parsePhoneNumberFromString(digits, { defaultCountry: country, extract: false })?.number;
  return number === undefined || number.length > MOST_DIGITS + 1 ? [] : [number];
}

/**
 * Reads a text as a phone number.
 *
 * TeleMessage writes numbers with country code and without plus, so bare digits are international first and national second; both are
 * kept, because `3125550123` is Chicago as well as the Netherlands.
 *
 * @param text - With any separators; a leading `'`, which spreadsheets leave, is taken off, and so is a trunk `(0)` where the country has one.
 * @param defaultCountry - For numbers without a country code (setting PHONE_DEFAULT_COUNTRY).
 * @returns E.164 readings, the likeliest first, none twice; empty where the text is no number of 7 to 15 digits.
 */
export function readNumber(text: string, defaultCountry?: CountryCode): string[] {
  const ascii = toAscii(text.slice(0, limits.displayNameCharacters))
    .trim()
    .replace(/^['\u2018\u2019]/, '');
  const digits = digitsOf(ascii);
  if (/^[\s(]*\+/.test(ascii)) return readInternational(digits);
  const international = readInternational(digits.startsWith('00') ? digits.slice(2) : digits);
  return [...new Set([...international, ...readNational(digits, defaultCountry)])];
}

/** Texts between which digits may belong to one number. */
const GROUP = /[+(]*\d(?:[\d\s().\-/]*\d)?/g;

/** Words of a group; a slash separates as a blank does. */
function splitGroup(group: string): string[] {
  return group.split(/[\s/]+/).filter((word) => /\d/.test(word));
}

function isNumber(text: string): boolean {
  const { length } = digitsOf(text).replace(/^00/, '');
  return length >= FEWEST_DIGITS && length <= MOST_DIGITS;
}

function isWhole(text: string): boolean {
  return digitsOf(text).length >= WHOLE_NUMBER_DIGITS;
}

/** Reads one run of digits and separators, which may hold several numbers, or a number beside other digits. */
function readGroup(group: string): string[] {
  const words = splitGroup(group);
  if (/^\(?(?:\+|00)/.test(group)) {
    // The prefix says where the number starts; where it ends is open when further digits follow (`+1 617 555 0101 22`).
    const starts = words.map((_, index) => words.slice(0, index + 1).join(' ')).filter(isNumber);
    const [longest, ...shorter] = starts.toReversed();
    if (longest === undefined) return [];
    const rest = words.slice(splitGroup(longest).length).join(' ');
    return [longest, ...shorter.filter(isWhole), ...readGroup(rest)];
  }
  const joined = words.join(' ');
  return [...words.filter(isWhole), ...(isNumber(joined) ? [joined] : words.filter((word) => !isWhole(word)))].filter(isNumber);
}

/**
 * Finds the texts in a display name that look like phone numbers, wherever they stand: the customer chooses the format of the name.
 *
 * @param displayName - Its first `limits.displayNameCharacters` are searched.
 * @returns texts for {@link readNumber}, the likeliest first, none twice. Where digits can be grouped in more than one way, each is given.
 */
export function findNumberTexts(displayName: string): string[] {
  const text = toAscii(displayName.slice(0, limits.displayNameCharacters));
  // A plus starts a number even where only a blank divides it from the one before.
  const groups = text.replace(/\s\(?\+/g, (start) => `|${start}`).match(GROUP) ?? [];
  // `(16175550101) Ada`: what the closing parenthesis belonged to is cut off.
  return [...new Set(groups.flatMap(readGroup).map((number) => (number.includes(')') ? number : number.replaceAll('(', ''))))];
}
