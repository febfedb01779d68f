/**
 * Finds out which columns of a mapping file hold the number and the mailbox.
 *
 * @module
 */
import { readEmailAddress } from '../item/email-address.ts';
import { readNumber } from './phone-number.ts';

/** Names of the number's column, the documented one first; compared by letters and digits alone. */
const NUMBER_NAMES = [
  'externaluserid',
  'mobilenumber',
  'usersmobilenumber',
  'usermobilenumber',
  'mobilephone',
  'mobilephonenumber',
  'mobile',
  'msisdn',
  'phonenumber',
  'enterprisenumber',
  'phone',
  'telephone',
  'number',
];

/** Names of the mailbox's column, the documented one first. */
const MAILBOX_NAMES = [
  'microsoft365usermailbox',
  'office365usermailbox',
  'm365usermailbox',
  'o365usermailbox',
  'microsoft365mailbox',
  'microsoft365mailboxaddress',
  'microsoft365user',
  'usermailbox',
  'mailboxaddress',
  'mailbox',
  'userprincipalname',
  'upn',
  'emailaddress',
  'useremail',
  'email',
];

/** Where the two cells of a row are. */
export interface MappingColumns {
  readonly number: number;
  readonly mailbox: number;
  /** Cells of a row; more of them, not empty, are a mistake. */
  readonly width: number;
  readonly hasHeader: boolean;
}

function findName(cells: readonly string[], names: readonly string[]): number {
  for (const name of names) {
    const index = cells.indexOf(name);
    if (index >= 0) return index;
  }
  return -1;
}

/** The delimiter of a file by its first line: the comma, semicolon or tab that it has most of outside quotes. */
export function findDelimiter(firstLine: string): ',' | ';' | '\t' {
  const unquoted = firstLine.replace(/"[^"]*"/g, '');
  const count = (delimiter: string) => unquoted.split(delimiter).length;
  const [best = ','] = ([',', ';', '\t'] as const).toSorted((a, b) => count(b) - count(a));
  return best;
}

/**
 * Reads the first row as a header, in any order and with further columns; or, where it holds a number and an address, as data.
 *
 * @returns `undefined` where it is neither.
 */
export function findMappingColumns(firstRow: readonly string[]): MappingColumns | undefined {
  const names = firstRow.map((cell) => cell.toLowerCase().replace(/[^a-z0-9]/g, ''));
  const header = { number: findName(names, NUMBER_NAMES), mailbox: findName(names, MAILBOX_NAMES) };
  if (header.number >= 0 && header.mailbox >= 0) return { ...header, width: firstRow.length, hasHeader: true };
  const mailbox = firstRow.findIndex((cell) => readEmailAddress(cell) !== undefined);
  // Any country will do here: the question is only whether the cell is meant as a number.
  const number = firstRow.findIndex((cell) => /^[^\p{L}@]+$/u.test(cell) && readNumber(cell, 'GB').length > 0);
  return mailbox >= 0 && number >= 0 ? { number, mailbox, width: 2, hasHeader: false } : undefined;
}
