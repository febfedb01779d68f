/**
 * What the archiver knows of a mailbox.
 *
 * @module
 */

/** The mailbox of a Microsoft 365 user who is valid: in the directory, and with a mailbox. */
export interface Mailbox {
  /** Object id of the user; the same however the user was found. */
  readonly id: string;
  /** Address of the mailbox, for the report. */
  readonly address: string;
}
