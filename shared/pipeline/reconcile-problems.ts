/**
 * What a reconciliation can find, in words for a program and for a person.
 *
 * @module
 */

/** Kinds of problems. These words are part of the report format. */
export const RECONCILE_PROBLEMS = {
  'raw-item-missing': 'the raw item is no longer in the items container',
  'raw-item-altered': 'the raw item in the items container is not what was downloaded',
  'copy-missing': 'the copy is no longer in the primary mailbox, or in its Deleted Items',
  'copy-moved': 'the copy is in the mailbox, but no longer in the archive folder',
  'copy-altered': 'the copy in the mailbox is not what was imported',
  'copy-doubled': 'the archive folder holds the copy more than once',
  'mailbox-unreachable': 'the mailbox could not be read',
  'ledger-row-missing': 'the ledger no longer has a row that it had when the run was complete',
  'not-checked': 'every attempt to check this failed',
} as const;

/** A key of {@link RECONCILE_PROBLEMS}. */
export type ReconcileProblem = keyof typeof RECONCILE_PROBLEMS;

/** One thing that is not as it was when the run was complete. */
export interface FoundProblem {
  readonly problem: ReconcileProblem;
  /** Empty where the problem is the run's and no item's. */
  readonly sourceId: string;
  readonly itemKey: string;
  /** Address of the mailbox, where the problem is in one. */
  readonly mailbox?: string;
  /** What exactly, such as `times, attachments` or `2 copies`; may be empty. Never content. */
  readonly detail: string;
}

/** What was looked at. */
export interface ReconcileCounts {
  readonly items: number;
  /** Items that had not ended. Of these only what has been done is checked. */
  readonly pending: number;
  /** Raw items, and how many of them are as they were downloaded. */
  readonly rawItems: number;
  readonly rawItemsIntact: number;
  /** Copies in mailboxes, and how many of them are as they were imported. */
  readonly copies: number;
  readonly copiesIntact: number;
}

/** Nothing yet. */
export const noneChecked: ReconcileCounts = { items: 0, pending: 0, rawItems: 0, rawItemsIntact: 0, copies: 0, copiesIntact: 0 };

/** Adds up. */
export function addChecked(one: ReconcileCounts, other: ReconcileCounts): ReconcileCounts {
  return {
    items: one.items + other.items,
    pending: one.pending + other.pending,
    rawItems: one.rawItems + other.rawItems,
    rawItemsIntact: one.rawItemsIntact + other.rawItemsIntact,
    copies: one.copies + other.copies,
    copiesIntact: one.copiesIntact + other.copiesIntact,
  };
}
