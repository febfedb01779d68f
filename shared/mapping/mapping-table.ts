/**
 * The mapping file as a table: from the readings of a number to the mailbox address of its user.
 *
 * @module
 */

/** A usable mapping file. */
export interface MappingTable {
  /** Rows of the file, without its header. */
  readonly rows: number;
  /**
   * The mailbox address for a number.
   *
   * @param readings - E.164 readings of the number, the likeliest first. One that is a row's own first reading counts before one that a row
   *   could also mean.
   */
  find(readings: readonly string[]): string | undefined;
}

/** One row: all readings of its number, at least one, and its mailbox address in lower case. */
export interface MappingRow {
  readonly readings: readonly string[];
  readonly mailbox: string;
}

/** Makes the table. @param rows - Rows of which no two have the same first reading and different mailboxes. */
export function makeMappingTable(rows: readonly MappingRow[]): MappingTable {
  const primary = new Map<string, string>();
  const secondary = new Map<string, string | undefined>();
  for (const { readings, mailbox } of rows) {
    for (const [index, reading] of readings.entries()) {
      if (index === 0) primary.set(reading, mailbox);
      // Two rows that could both mean this number: a guess would put somebody's messages into another one's mailbox.
      else secondary.set(reading, secondary.has(reading) && secondary.get(reading) !== mailbox ? undefined : mailbox);
    }
  }
  return {
    rows: rows.length,
    find: (readings) =>
      readings.map((reading) => primary.get(reading)).find((mailbox) => mailbox !== undefined) ??
      readings.map((reading) => secondary.get(reading)).find((mailbox) => mailbox !== undefined),
  };
}
