/**
 * A row of the ledger of items, and what it says of its item.
 *
 * @module
 */
import type { TableEntityResult } from '@azure/data-tables';
import type { ParkReason } from '../errors.ts';
import { hashKey } from './rows.ts';

/** What points at an item, in queue messages and between the steps. */
export interface ItemReference {
  readonly runId: string;
  /** Hash of archiver and source id: safe in logs, row keys and blob names. */
  readonly itemKey: string;
  /** The source's own id, opaque. */
  readonly sourceId: string;
  /** Place in the run's listing, from 0: of two equal items the one listed first is the original. */
  readonly sequence: number;
  /** ISO 8601 UTC. */
  readonly arrivedAt: string;
}

/** How an item ended. `imported` and `partial` have deliveries; `skipped` is a duplicate; the others are parked. */
export type ItemOutcome = 'imported' | 'partial' | 'skipped' | 'unmapped' | 'oversize' | 'failed';

/** A row of the table `items`. */
export interface ItemRow {
  sourceId: string;
  itemKey: string;
  runId: string;
  sequence: number;
  arrivedAt: string;
  type?: string;
  /** ISO times: when it was listed, staged, ended. */
  listedAt: string;
  stagedAt?: string;
  endedAt?: string;
  /** When something last happened to it, or will: the sweep leaves it alone until well after. */
  progressAt: string;
  /** When the message that was put off last comes back. */
  waitsUntil?: string;
  size?: number;
  sha256?: string;
  contentKey?: string;
  /** Empty while the item is under way, or under way again after a reprocess. */
  outcome?: ItemOutcome | '';
  reason?: ParkReason | '';
  /** Source id of the item that this one duplicates. */
  duplicateOf?: string;
  /** Where the poison message is, so that a reprocess can remove it. */
  parkedIn?: string;
  parkedMessageId?: string;
  parkedPopReceipt?: string;
  /** The deliveries as they stood when the item ended, JSON of {@link DeliveryOutcome}[]; absent or empty where they are too many for a column. */
  deliveries?: string;
  /** Why, when and by whom the item was given up; its outcome stays what it was. */
  discardReason?: string;
  discardedAt?: string;
  discardedBy?: string;
  /** Mobile numbers of its participants, all but the ends of each masked, for the reports. */
  maskedNumbers?: string;
  /** How often the sweep has enqueued it again. */
  requeues?: number;
}

/** A row of the index of parked items. */
export interface ParkedRow {
  runId: string;
  reason: ParkReason;
  parkedAt: string;
  /** Some of its deliveries may or may not have made a copy; the sweep finds out. */
  inDoubt?: boolean;
  /** Of an unmapped item: version of the mapping file that did not map it; empty where there was none. */
  mappingVersion?: string;
}

/** A row as it was read, with its version. */
export type StoredItem = TableEntityResult<ItemRow>;

/** One delivery of an item, as reports show it. */
export interface DeliveryOutcome {
  readonly mailbox: string;
  readonly state: 'imported' | 'failed' | 'pending';
  readonly reason?: ParkReason;
}

/** How an item ends, and why. */
export interface ItemEnd {
  readonly outcome: ItemOutcome;
  readonly reason?: ParkReason;
  readonly contentKey?: string;
  readonly duplicateOf?: string;
  readonly deliveries?: readonly DeliveryOutcome[];
  readonly maskedNumbers?: string;
  readonly parked?: {
    readonly queue: string;
    readonly messageId: string;
    readonly popReceipt: string;
    readonly inDoubt: boolean;
    readonly mappingVersion?: string;
  };
}

/** The reference alone, whatever else the object carries. */
export function identityOf({ runId, itemKey, sourceId, sequence, arrivedAt }: ItemReference): ItemReference {
  return { runId, itemKey, sourceId, sequence, arrivedAt };
}

/**
 * The deliveries as they stood when the item ended last; undefined where there were none, or too many for a column. A duplicate has none,
 * also where its import, under way when the original took its place, has written the end of the deliveries that are the original's now.
 */
export function recordedDeliveries({
  deliveries = '',
  duplicateOf,
}: Pick<ItemRow, 'deliveries' | 'duplicateOf'>): readonly DeliveryOutcome[] | undefined {
  return deliveries === '' || duplicateOf !== undefined ? undefined : (JSON.parse(deliveries) as DeliveryOutcome[]);
}

/** How an item ended, or `pending`. A duplicate found later overrules an outcome written before. */
export function outcomeOf(row: Pick<ItemRow, 'outcome' | 'duplicateOf'>): ItemOutcome | 'pending' {
  if (row.duplicateOf !== undefined) return 'skipped';
  return row.outcome === undefined || row.outcome === '' ? 'pending' : row.outcome;
}

/** Whether an item is parked, or was discarded after it was. */
export function isParked(row: Pick<ItemRow, 'outcome' | 'duplicateOf'>): boolean {
  return !['pending', 'imported', 'skipped'].includes(outcomeOf(row));
}

/**
 * Whether a step may still bring an item further: it has not ended, or was given up before it had claimed its content, so that another copy
 * of its message knows better. What an operator has discarded is done with.
 */
export function mayGoOn(row: Pick<ItemRow, 'outcome' | 'duplicateOf' | 'contentKey' | 'discardedAt'>): boolean {
  const isUnclaimed = row.contentKey === undefined || row.contentKey === '';
  return outcomeOf(row) === 'pending' || (isParked(row) && isUnclaimed && row.discardedAt === undefined);
}

/** Key of an item, the same however often the source lists it. */
export function itemKeyOf(archiverId: string, sourceId: string): string {
  return hashKey('item', archiverId, sourceId);
}
