/**
 * The ledger of deliveries: one row for each copy in a mailbox, written before the copy is made.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { TableClient, TableEntityResult } from '@azure/data-tables';
import type { RecordEvent } from '../audit/audit-log.ts';
import type { ParkReason } from '../errors.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { hashKey, insertRows, mergeRow, mergeRows, readRow, rowsOfPartition, shardedPartition, type Columns, type RowKey } from './rows.ts';

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
  /** Which attempt has the delivery in hand, or had it last; empty once it was put back to work. */
  attempt: string;
  /**
   * Since when somebody waits to see whether that attempt is still under way, ISO, by the clock of whoever waits; empty where nobody
   * does. A living attempt empties it before its next request.
   */
  doubtedAt: string;
  /** Attempts before the last one that were left in doubt. */
  attempts: number;
  /** The last attempt ended because it was throttled, which never uses up tries. */
  throttled?: boolean;
  /** The other side has answered since, so that nothing of it can still be under way. */
  settled: boolean;
  /** Id of the message in the mailbox. */
  messageId?: string;
  reason?: ParkReason | '';
}

/** A row as it was read, with its version. */
export type StoredDelivery = TableEntityResult<DeliveryRow>;

/** How many attempts at a delivery were left in doubt: those that nobody saw end, or that ended without saying whether there is a copy. */
export function attemptsInDoubt({ attempts, state, throttled }: Pick<DeliveryRow, 'attempts' | 'state' | 'throttled'>): number {
  return attempts + (state === 'creating' && throttled !== true ? 1 : 0);
}

/** An attempt's hold on a delivery. */
export interface Hold {
  readonly attempt: string;
  /** Version of the row that this attempt has last seen; absent where another request has to tell it. */
  readonly etag?: string | undefined;
}

/** A delivery as the steps see it. */
export interface Delivery {
  readonly mailbox: Mailbox;
  readonly row: StoredDelivery | undefined;
  /** This attempt owns the delivery: it wrote `creating`, and nothing was in doubt before. */
  readonly hold?: Hold;
}

/** What is written when an attempt at a delivery has ended, however it ended. */
export interface DeliveryEnd {
  readonly mailbox: Mailbox;
  readonly state: DeliveryState;
  readonly settled?: boolean;
  readonly throttled?: boolean;
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
 * Makes the ledger of deliveries.
 *
 * @param deliveries - Table of the deliveries, in partitions of run and shard of the content key.
 * @param record - Told of every change of what is so of a delivery, before it is made; not of the ledger's own marks (decision 010).
 */
export function createDeliveryLedger(deliveries: TableClient, now: () => Date, record: RecordEvent) {
  const partitionOf = ({ runId, contentKey }: DeliveryGroup) => shardedPartition(runId, contentKey);
  const keyOf = (group: DeliveryGroup, mailbox: Mailbox): RowKey => ({
    partitionKey: partitionOf(group),
    rowKey: `${group.contentKey}-${hashKey('mailbox', mailbox.id)}`,
  });
  const creating = () => ({ attempt: randomUUID(), state: 'creating', settled: false, doubtedAt: '' }) as const;

  return {
    /** Writes the intent for every mailbox, in one request where all are new, and says what stood there before. */
    async begin(group: DeliveryGroup, mailboxes: readonly Mailbox[]): Promise<Delivery[]> {
      const intent = creating();
      const { attempt } = intent;
      // Before it is known which are new, since looking first would cost a request for each item: `ended` says which attempt had each.
      await record({ event: 'deliveries.begun', ...group, attempt, mailboxIds: mailboxes.map(({ id }) => id) });
      const fresh = await insertRows(
        deliveries,
        mailboxes.map((mailbox) => [
          keyOf(group, mailbox),
          { contentKey: group.contentKey, mailboxId: mailbox.id, mailbox: mailbox.address, attempts: 0, ...intent },
        ]),
      );
      return Promise.all(
        mailboxes.map(async (mailbox, index): Promise<Delivery> => {
          const inserted = fresh[index];
          if (inserted !== undefined) return { mailbox, row: undefined, hold: { attempt, etag: inserted.etag } };
          const row = await readRow<DeliveryRow>(deliveries, keyOf(group, mailbox));
          // A storage client that repeats an insert after a lost answer finds its own row.
          return row?.attempt === attempt ? { mailbox, row, hold: { attempt, etag: row.etag } } : { mailbox, row };
        }),
      );
    },

    /** Says that somebody waits to see whether the attempt is still under way, unless the row has changed since it was read. */
    async doubted(group: DeliveryGroup, { mailbox, row }: Delivery): Promise<void> {
      await mergeRow(deliveries, keyOf(group, mailbox), { doubtedAt: now().toISOString() }, row?.etag);
    },

    /**
     * Takes up a delivery that was left behind.
     *
     * @returns undefined where somebody else took it up since it was read.
     */
    async resume(group: DeliveryGroup, { mailbox, row }: Delivery): Promise<Hold | undefined> {
      const intent = creating();
      const { attempt } = intent;
      const key = keyOf(group, mailbox);
      await record({ event: 'deliveries.resumed', ...group, attempt, mailboxIds: [mailbox.id] });
      const attempts = row === undefined ? 0 : attemptsInDoubt(row);
      if (await mergeRow(deliveries, key, { ...intent, attempts, throttled: false, reason: '' }, row?.etag)) return { attempt };
      // A storage client that repeats a write after a lost answer finds its own.
      return (await readRow<DeliveryRow>(deliveries, key))?.attempt === attempt ? { attempt } : undefined;
    },

    /**
     * Says that an attempt is still under way.
     *
     * @returns undefined where another attempt has taken the delivery up meanwhile.
     */
    async confirm(group: DeliveryGroup, mailbox: Mailbox, { attempt }: Hold): Promise<Hold | undefined> {
      const key = keyOf(group, mailbox);
      for (;;) {
        const row = await readRow<DeliveryRow>(deliveries, key);
        if (row?.attempt !== attempt) return undefined;
        if (row.doubtedAt === '') return { attempt, etag: row.etag };
        // Written or not, reading it again tells whose it is.
        await mergeRow(deliveries, key, { doubtedAt: '' }, row.etag);
      }
    },

    /**
     * Writes how attempts ended, in one request where nothing else happened to the deliveries meanwhile.
     *
     * @returns those of `ends` that were not written, because another attempt has taken the delivery up.
     */
    async ended(group: DeliveryGroup, ends: readonly DeliveryEnd[]): Promise<DeliveryEnd[]> {
      if (ends.length === 0) return [];
      await record({
        event: 'deliveries.ended',
        ...group,
        deliveries: ends.map(({ mailbox, hold, state, messageId, reason }) => ({
          mailboxId: mailbox.id,
          attempt: hold.attempt,
          state,
          messageId,
          reason,
        })),
      });
      const doubtedAt = now().toISOString();
      const columnsOf = ({ state, settled = true, throttled = false, messageId, reason }: DeliveryEnd): Columns => ({
        state,
        settled,
        throttled,
        messageId,
        reason: reason ?? '',
        // Nothing is sent any more, but what was sent may still take effect.
        doubtedAt: settled ? '' : doubtedAt,
      });
      const quick = ends.flatMap((end) =>
        end.hold.etag === undefined ? [] : [{ end, row: [keyOf(group, end.mailbox), columnsOf(end), end.hold.etag] as const }],
      );
      const written = await mergeRows(
        deliveries,
        quick.map(({ row }) => row),
      );
      const done = new Set(quick.flatMap(({ end }, index) => (written[index] === true ? [end] : [])));
      const overtaken = await Promise.all(
        ends
          .filter((end) => !done.has(end))
          .map(async (end) => {
            for (;;) {
              const { etag } = (await this.confirm(group, end.mailbox, end.hold)) ?? {};
              if (etag === undefined) return [end];
              if (await mergeRow(deliveries, keyOf(group, end.mailbox), columnsOf(end), etag)) return [];
            }
          }),
      );
      return overtaken.flat();
    },

    /**
     * What failed for good, or was given up before it was made, is tried again, as often as at first. Each is looked for first: a copy that
     * failed its verification is in the mailbox.
     */
    async reopened(group: DeliveryGroup): Promise<void> {
      const undone = (await this.of(group)).filter(({ state }) => state === 'failed' || state === 'pending');
      if (undone.length === 0) return;
      await record({ event: 'deliveries.reopened', ...group, mailboxIds: undone.map(({ mailboxId }) => mailboxId) });
      // What has changed since was put back to work by somebody else, and may be under way by now.
      await mergeRows(
        deliveries,
        undone.map(({ partitionKey = '', rowKey = '', etag }) => [
          { partitionKey, rowKey },
          { state: 'creating', settled: true, attempts: 0, throttled: true, attempt: '', reason: '' },
          etag,
        ]),
      );
    },

    /** The deliveries of one content key. */
    async of(group: DeliveryGroup): Promise<StoredDelivery[]> {
      const rows: StoredDelivery[] = [];
      for await (const row of rowsOfPartition<DeliveryRow>(deliveries, partitionOf(group), { prefix: `${group.contentKey}-` }))
        rows.push(row);
      return rows;
    },
  };
}
