/**
 * Text of reports: CSV that no spreadsheet runs as a formula, and JSON, both with every invisible character made visible.
 *
 * @module
 */
import { stringify } from 'csv-stringify/sync';

/** Control and format characters (bidirectional ones too), line separators, and halves of surrogate pairs. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** Ids are the source's own text: in a list, a right-to-left override would show one as another. */
const escapeCharacter = (character: string) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
/** What spreadsheets take for the start of a formula, behind blanks that they take off. */
const BLANKS_BEFORE_FORMULA = /^\s+(?=[=+\-@\uFF1D\uFF0B\uFF0D\uFF20])/u;

function cell(text: string): string {
  return (
    text
      .replace(INVISIBLE, escapeCharacter)
      .replace(BLANKS_BEFORE_FORMULA, (blanks) => `'${blanks}`)
      // Where the list separator is a semicolon (most of Europe), Excel would begin a new cell here, and the cell could begin with `=`.
      .replaceAll(';', escapeCharacter)
  );
}

/** Excel reads UTF-8 as such only behind this mark. */
export const CSV_START = '\uFEFF';

/**
 * Lines of CSV (RFC 4180, every cell quoted).
 *
 * A cell that a spreadsheet would run as a formula gets an apostrophe before it (OWASP, "CSV Injection").
 */
export function csvLines(rows: readonly (readonly string[])[]): string {
  return stringify(
    rows.map((row) => row.map(cell)),
    { escape_formulas: true, quoted: true, quoted_empty: true, record_delimiter: 'windows' },
  );
}

/** JSON on one line, where invisible characters are written as escapes. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(INVISIBLE, (character) =>
    // An escape of JSON names one UTF-16 unit.
    Array.from(character.split(''), (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''),
  );
}
