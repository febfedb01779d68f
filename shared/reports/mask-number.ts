/**
 * Masks mobile numbers for reports: an operator recognises one that they know, and nobody learns one that they do not.
 *
 * @module
 */

/** Digits of every number that nobody sees, however short it is. */
const FEWEST_HIDDEN = 4;
const SHOWN_AT_END = 4;
const SHOWN_AT_START = 3;

/**
 * Keeps the first three digits (country code and a little more) and the last four. Of a number with fewer than eleven digits less is
 * kept, so that at least four are always hidden.
 *
 * @param text - A number in any notation.
 * @returns digits and asterisks only, so that no spreadsheet takes it for a formula; empty where the text has no digit.
 */
export function maskNumber(text: string): string {
  const digits = text.replace(/\D/g, '');
  const shown = Math.max(0, digits.length - FEWEST_HIDDEN);
  const atEnd = Math.min(SHOWN_AT_END, shown);
  const atStart = Math.min(SHOWN_AT_START, shown - atEnd);
  return `${digits.slice(0, atStart)}${'*'.repeat(digits.length - atStart - atEnd)}${digits.slice(digits.length - atEnd)}`;
}
