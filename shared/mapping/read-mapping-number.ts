/**
 * Reads the number of a row of the mapping file, and knows what spreadsheets do to numbers.
 *
 * @module
 */
import type { CountryCode } from 'libphonenumber-js/min';
import { FEWEST_DIGITS, MOST_DIGITS, readNumber } from './phone-number.ts';

/** `4.47911E+11`: the digits that are missing cannot be had back. */
const SCIENTIFIC = /^[+'’]*\d+(?:[.,]\d+)?\s*e\s*\+?\d+$/i;

/** `445204334324.0` or `445204334324,00`: read as digits, the number would be ten or a hundred times as large. */
const DECIMAL = /^[+'’]*\d{7,}[.,]\d{1,2}$/;

/** What a number may be written with, beside digits of any script. */
const ALLOWED = /^['’]?[\p{Nd}\p{Pd}\p{Zs}\p{Cf}+＋().（）/\u2212]+$/u;

/**
 * Reads the number.
 *
 * @returns its E.164 readings, at least one; or what is wrong with it and what to do.
 */
export function readMappingNumber(cell: string, defaultCountry?: CountryCode): readonly string[] | string {
  if (cell === '' || cell === "'") return 'has no number; add it or remove the row';
  if (SCIENTIFIC.test(cell)) {
    return 'has a number that Excel has shortened (as in 4.5E+11); format the column as text, enter the number again and save';
  }
  if (DECIMAL.test(cell)) return 'has a number with decimals; format the column as text, enter the number again and save';
  if (!ALLOWED.test(cell)) return 'has a number with other characters than digits, + and separators; correct it';
  const digits = cell.match(/\p{Nd}/gu)?.length ?? 0;
  if (digits < FEWEST_DIGITS) return `has a number of fewer than ${FEWEST_DIGITS} digits; write it with its country code`;
  const readings = readNumber(cell, defaultCountry);
  if (readings.length > 0) return readings;
  return digits > MOST_DIGITS
    ? `has a number of more than ${MOST_DIGITS} digits; correct it`
    : 'has a number without a country code; write it with its country code, or set PHONE_DEFAULT_COUNTRY';
}
