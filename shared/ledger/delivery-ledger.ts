/**
 * The ledger of deliveries: one row for each copy in a mailbox, written before the copy is made.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { TableClient, TableEntityResult } from '@azure/data-tables';
import type { RecordEvent } from '../audit/audit-log.ts';
import type { ParkReason } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { hashKey, insertRows, mergeRow, mergeRows, readRow, rowsOfPartition, shardedPartition, type RowKey } from './rows.ts';

/**
 * Where a delivery stands. `creating` means that a request may have gone out whose end nobody wrote down: the copy is in doubt.
 * `pending` means that it certainly is not in the mailbox.
 */
export type DeliveryState = 'creating' | 'pending' | 'imported' | 'failed';

/** A row of the table `deliveries`. */
export interface DeliveryRow {
  contentKey: string;
  mailboxId: string;
  mailbox: string;
  state: DeliveryState;
  /** Which attempt wrote `creating`, so that a repeated insert is recognised as one's own. */
  attempt: string;
  /** When that attempt began, ISO. */
  attemptedAt: string;
  /** Attempts begun so far, but for those that were refused for certain (throttled, for example). */
  attempts: number;
  /** The other side has answered since, so that nothing of it can still be under way. */
  settled: boolean;
  /** Id of the message in the mailbox. */
  messageId?: string;
  reason?: ParkReason | '';
}

/** Which attempt has a delivery in hand, and when it last said so (ISO). After {@link limits.createSettlesMs} another one may take it up. */
export type Hold = Pick<DeliveryRow, 'attempt' | 'attemptedAt'>;

/** A delivery as the steps see it. */
export interface Delivery {
  readonly mailbox: Mailbox;
  readonly row: TableEntityResult<DeliveryRow> | undefined;
  /** This attempt owns the delivery: it wrote `creating`, and nothing was in doubt before. */
  readonly hold?: Hold;
}

/** What is written when an attempt at a delivery has ended, however it ended. */
export interface DeliveryEnd {
  readonly mailbox: Mailbox;
  readonly state: DeliveryState;
  readonly settled?: boolean;
  readonly messageId?: string;
  readonly reason?: ParkReason;
  /** Of the attempt that ended. */
  readonly hold: Hold;
}

/** A content key and the run of its original: where its deliveries are. */
export interface DeliveryGroup {
  readonly runId: string;
  readonly contentKey: string;
}

/** What {@link createDeliveryLedger} gives. */
export type DeliveryLedger = ReturnType<typeof createDeliveryLedger>;

/**
 * @param deliveries - Table of the deliveries, in partitions of run and shard of the content key.
 * @param record - Told of every change before it is made.
 */
export function createDeliveryLedger(deliveries: TableClient, now: () => Date, record: RecordEvent) {
  const partitionOf = ({ runId, contentKey }: DeliveryGroup) => shardedPartition(runId, contentKey);
  const keyOf = (group: DeliveryGroup, mailbox: Mailbox): RowKey => ({
    partitionKey: partitionOf(group),
    rowKey: `${group.contentKey}-${hashKey('mailbox', mailbox.id)}`,
  });
  const creating = (): Hold & { state: 'creating'; settled: boolean } => ({
    attempt: randomUUID(),
    attemptedAt: now().toISOString(),
    state: 'creating',
    settled: false,
  });

  return {
    /** Writes the intent for every mailbox, in one request where all are new, and says what stood there before. */
    async begin(group: DeliveryGroup, mailboxes: readonly Mailbox[]): Promise<Delivery[]> {
      const intent = creating();
      const fresh = await insertRows(
        deliveries,
        mailboxes.map((mailbox) => [
          keyOf(group, mailbox),
          { contentKey: group.contentKey, mailboxId: mailbox.id, mailbox: mailbox.address, attempts: 1, ...intent },
        ]),
      );
      return Promise.all(
        mailboxes.map(async (mailbox, index): Promise<Delivery> => {
          if (fresh[index] === true) return { mailbox, row: undefined, hold: intent };
          const row = await readRow<DeliveryRow>(deliveries, keyOf(group, mailbox));
          // A storage client that repeats an insert after a lost answer finds its own row.
          return row?.attempt === intent.attempt ? { mailbox, row, hold: intent } : { mailbox, row };
        }),
      );
    },

    /**
     * Takes up a delivery that was left behind.
     *
     * @returns undefined where somebody else took it up since it was read.
     */
    async resume(group: DeliveryGroup, { mailbox, row }: Delivery): Promise<Hold | undefined> {
      const intent = creating();
      const attempts = (row?.attempts ?? 0) + 1;
      return (await mergeRow(deliveries, keyOf(group, mailbox), { ...intent, attempts, reason: '' }, row?.etag)) ? intent : undefined;
    },

    /**
     * Says that an attempt is still under way.
     *
     * @returns undefined where another attempt has taken the delivery up meanwhile.
     */
    async renew(group: DeliveryGroup, mailbox: Mailbox, { attempt }: Hold): Promise<Hold | undefined> {
      const key = keyOf(group, mailbox);
      const row = await readRow<DeliveryRow>(deliveries, key);
      if (row?.attempt !== attempt) return undefined;
      const attemptedAt = now().toISOString();
      return (await mergeRow(deliveries, key, { attemptedAt }, row.etag)) ? { attempt, attemptedAt } : undefined;
    },

    /** Writes how attempts ended, in one request; not that of one whose delivery another attempt has taken up. */
    async ended(group: DeliveryGroup, ends: readonly DeliveryEnd[]): Promise<void> {
      // Nobody takes up a delivery so soon. Those of an item are written together, so a quick one may have waited long for a slow one.
      const safe = new Date(now().getTime() - limits.createSettlesMs / 2).toISOString();
      const isOurs = async ({ mailbox, hold }: DeliveryEnd) =>
        hold.attemptedAt > safe || (await this.renew(group, mailbox, hold)) !== undefined;
      const ours = await Promise.all(ends.map(isOurs));
      const mine = ends.filter((_, index) => ours[index] === true);
      if (mine.length === 0) return;
      await record({
        event: 'deliveries.ended',
        ...group,
        deliveries: mine.map(({ mailbox, state, messageId, reason }) => ({ mailboxId: mailbox.id, state, messageId, reason })),
      });
      await mergeRows(
        deliveries,
        mine.map(({ mailbox, state, settled, messageId, reason }) => [
          keyOf(group, mailbox),
          { state, settled: settled ?? true, messageId, reason: reason ?? '' },
        ]),
      );
    },

    /** What failed for good is tried again. Each is looked for first: a copy that failed its verification is in the mailbox. */
    async reopened(group: DeliveryGroup): Promise<void> {
      const failed = (await this.of(group)).filter(({ state }) => state === 'failed');
      await mergeRows(
        deliveries,
        failed.map(({ partitionKey = '', rowKey = '' }) => [
          { partitionKey, rowKey },
          { state: 'creating', settled: true, attempts: 0, reason: '' },
        ]),
      );
    },

    /** The deliveries of one content key. */
    async of(group: DeliveryGroup): Promise<TableEntityResult<DeliveryRow>[]> {
      const rows: TableEntityResult<DeliveryRow>[] = [];
      for await (const row of rowsOfPartition<DeliveryRow>(deliveries, partitionOf(group), `${group.contentKey}-`)) rows.push(row);
      return rows;
    },
  };
}
