/**
 * Parses the custom mapping file: a CSV with the mobile number and the mailbox address of one user a row. It is taken whole or not at all.
 *
 * @module
 */
import { CsvError, parse } from 'csv-parse/sync';
import type { CountryCode } from 'libphonenumber-js/min';
import { readEmailAddress } from '../item/email-address.ts';
import { limits } from '../limits.ts';
import { decodeMappingFile } from './decode-mapping-file.ts';
import { findDelimiter, findMappingColumns, type MappingColumns } from './find-mapping-columns.ts';
import { MappingFileError, type MappingProblem } from './mapping-file-error.ts';
import { makeMappingTable, type MappingRow, type MappingTable } from './mapping-table.ts';
import { readMappingNumber } from './read-mapping-number.ts';

export type { MappingTable } from './mapping-table.ts';

const HEADER = 'External User ID,Microsoft 365 User Mailbox';
const TURN_OFF = 'to turn custom mapping off, delete the file';

/** How csv-parse puts the mistakes with quotes, in words for whoever keeps the file. Its own messages quote the cell. */
const QUOTE_PROBLEMS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'opens a quotation mark that is never closed; close or remove it',
  CSV_INVALID_CLOSING_QUOTE: 'has text behind a closing quotation mark; double the marks that belong to the text',
  INVALID_OPENING_QUOTE: 'has a quotation mark inside a cell; put the cell in quotation marks and double those inside',
};

/** What is known while the rows come in. */
interface Reading {
  columns?: MappingColumns;
  readonly rows: MappingRow[];
  readonly problems: MappingProblem[];
  /** First line and mailbox of each number. */
  readonly seen: Map<string, { line: number; mailbox: string }>;
  /** Empty rows that no other row has followed yet. */
  emptyLines: number[];
}

function readRow(
  cells: readonly string[],
  line: number,
  columns: MappingColumns,
  reading: Reading,
  country: CountryCode | undefined,
): void {
  const refuse = (problem: string) => reading.problems.push({ line, problem });
  const number = cells[columns.number] ?? '';
  const address = cells[columns.mailbox] ?? '';
  if (cells.slice(columns.width).some((cell) => cell !== '')) {
    refuse(`has more than ${columns.width} cells; put a cell that contains the delimiter in quotation marks`);
    return;
  }
  if (address === '') refuse('has no mailbox address; add it or remove the row');
  const mailbox = readEmailAddress(address);
  if (address !== '' && mailbox === undefined) refuse('has a mailbox address that is no e-mail address; correct it');
  const read = readMappingNumber(number, country);
  if (typeof read === 'string') refuse(read);
  const [first] = typeof read === 'string' ? [] : read;
  if (first === undefined || mailbox === undefined || typeof read === 'string') return;
  const earlier = reading.seen.get(first);
  if (earlier !== undefined && earlier.mailbox !== mailbox) {
    refuse(`has the same number as line ${earlier.line} and another mailbox; remove one of the two`);
  }
  if (earlier === undefined) reading.seen.set(first, { line, mailbox });
  reading.rows.push({ readings: read, mailbox });
}

function readRecord(cells: readonly string[], line: number, reading: Reading, country: CountryCode | undefined): void {
  if (cells.every((cell) => cell === '')) {
    reading.emptyLines.push(line);
    return;
  }
  // At the end of the file empty lines are usual; between rows somebody has deleted the cells of a user and not the user.
  reading.problems.push(...reading.emptyLines.map((empty) => ({ line: empty, problem: 'is empty; remove it' })));
  reading.emptyLines = [];
  if (reading.columns === undefined) {
    const columns = findMappingColumns(cells);
    if (columns === undefined) {
      const problem = `is neither a header nor a number with a mailbox address; start the file with the line ${HEADER}`;
      throw new MappingFileError([...reading.problems, { line, problem }]);
    }
    reading.columns = columns;
    if (columns.hasHeader) return;
  }
  readRow(cells, line, reading.columns, reading, country);
  if (reading.rows.length > limits.mappingRows) {
    throw new MappingFileError([{ line, problem: `is row ${limits.mappingRows + 1}, which is one too many (limit mappingRows)` }]);
  }
}

/**
 * Parses a mapping file.
 *
 * @param bytes - UTF-8, or UTF-16 with a byte order mark; delimited by comma, semicolon or tab; with the documented header, one much like
 *   it, or none.
 * @param options - `defaultCountry` for numbers without a country code.
 * @throws MappingFileError that names every line that is wrong.
 */
export function parseMappingFile(bytes: Uint8Array, options: { readonly defaultCountry?: CountryCode | undefined } = {}): MappingTable {
  if (bytes.length > limits.mappingBytes) {
    throw new MappingFileError([{ line: 1, problem: `starts a file of more than ${limits.mappingBytes} bytes (limit mappingBytes)` }]);
  }
  const text = decodeMappingFile(bytes);
  const reading: Reading = { rows: [], problems: [], seen: new Map(), emptyLines: [] };
  let nextLine = 1;
  try {
    parse(text, {
      delimiter: findDelimiter(/^\n*([^\n]*)/.exec(text)?.[1] ?? ''),
      record_delimiter: '\n',
      relax_column_count: true,
      trim: true,
      on_record: (cells, { lines }) => {
        const line = nextLine;
        // A cell in quotation marks may span lines: the next record starts behind them.
        nextLine = lines + 1;
        readRecord(cells, line, reading, options.defaultCountry);
        return null;
      },
    });
  } catch (error) {
    const problem = error instanceof CsvError ? QUOTE_PROBLEMS[error.code] : undefined;
    if (problem === undefined) throw error;
    reading.problems.push({ line: nextLine, problem: `${problem}; the lines behind it were not read` });
  }
  if (reading.columns === undefined && reading.problems.length === 0) reading.problems.push({ line: 1, problem: `is empty; ${TURN_OFF}` });
  else if (reading.rows.length === 0 && reading.problems.length === 0) {
    reading.problems.push({ line: 1, problem: `is a header and no row follows; add the users, or, ${TURN_OFF}` });
  }
  if (reading.problems.length > 0) throw new MappingFileError(reading.problems);
  return makeMappingTable(reading.rows);
}
