/**
 * The ledger of items: what was listed, staged and decided, one row an item, facts added and never taken back.
 *
 * @module
 */
import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables';
import pLimit from 'p-limit';
import type { RecordEvent } from '../audit/audit-log.ts';
import { limits } from '../limits.ts';
import type { StagedBytes } from '../storage/stage-item.ts';
import {
  type DeliveryOutcome,
  type ItemReference,
  type ItemRow,
  type ParkedRow,
  type StoredItem,
  type ItemEnd,
  type ItemOutcome,
  identityOf,
  itemKeyOf,
} from './item-row.ts';
import type { ListedItem } from '../telemessage/item-source.ts';
import { insertRows, mergeRow, readRow, removeRow, restoreRow, rowsOfPartition, shardedPartition, shards, type RowKey } from './rows.ts';

/** Azure Tables takes 32,768 characters in one column; such an item has some 300 deliveries, and they are read one by one instead. */
const DELIVERIES_CHARACTERS = 30_000;

const deliveriesColumn = (deliveries: readonly DeliveryOutcome[] | undefined): string | undefined => {
  const json = deliveries === undefined ? undefined : JSON.stringify(deliveries);
  return json !== undefined && json.length <= DELIVERIES_CHARACTERS ? json : undefined;
};

/** An item of the source as the run that it belongs to listed it first. The sequence is its place in that listing. */
interface SourceRow {
  runId: string;
  sequence: number;
  sourceId: string;
  arrivedAt: string;
  type?: string;
}

/** What {@link createItemLedger} gives. */
export type ItemLedger = ReturnType<typeof createItemLedger>;

/**
 * Makes the ledger of items.
 *
 * @param items - Table of the items, in partitions of run and shard, so that a run can be read from end to end.
 * @param content - Table of identities; here: which run an item of the source belongs to.
 * @param record - Told of every change of what is so of an item, before it is made; not of the ledger's own marks (decision 010).
 */
export function createItemLedger(items: TableClient, content: TableClient, archiverId: string, now: () => Date, record: RecordEvent) {
  const keyOf = (item: Pick<ItemReference, 'runId' | 'itemKey'>): RowKey => ({
    partitionKey: shardedPartition(item.runId, item.itemKey),
    rowKey: item.itemKey,
  });

  const sourceKey = ({ itemKey }: Pick<ItemReference, 'itemKey'>): RowKey => ({
    partitionKey: shardedPartition(`source-${archiverId}`, itemKey),
    rowKey: itemKey,
  });

  const parkedKey = (itemKey: string): RowKey => ({ partitionKey: `parked-${archiverId}`, rowKey: itemKey });

  return {
    /**
     * Records one page of a listing. Repeating it after a crash gives the same answer.
     *
     * @returns the items that belong to this run (new, or recorded by an earlier attempt at this page) in the order of the listing, how
     *   many of them no earlier page has named, and how many items belong to an earlier run.
     */
    async recordListed(
      run: { readonly runId: string },
      listed: readonly (ListedItem & { readonly sequence: number })[],
    ): Promise<{ items: ItemReference[]; listed: number; relisted: number }> {
      const references = new Map<string, ItemReference & { type?: string }>();
      for (const { id, arrivedAt, type, sequence } of listed) {
        const itemKey = itemKeyOf(archiverId, id);
        const reference = { runId: run.runId, itemKey, sourceId: id, sequence, arrivedAt };
        // The first mention counts where a page names an item twice.
        if (!references.has(itemKey)) references.set(itemKey, type === undefined ? reference : { ...reference, type });
      }
      const byShard = Map.groupBy(references.values(), ({ itemKey }) => itemKey.charAt(0));
      let first = 0;
      const start = Math.min(...listed.map(({ sequence }) => sequence));
      const ownByShard = await Promise.all(
        [...byShard.values()].map(async (group) => {
          const fresh = await insertRows(
            content,
            group.map(({ itemKey, ...item }) => [sourceKey({ itemKey }), item] as const),
          );
          const owners = await Promise.all(
            group.map(async (item, index) => (fresh[index] === undefined ? readRow<SourceRow>(content, sourceKey(item)) : item)),
          );
          const mine = group.flatMap((item, index) => {
            const owner = owners[index];
            // The place of its first mention stays: a listing that shifts names it again, and its order with its duplicates must not turn.
            return owner?.runId === run.runId ? [{ ...item, sequence: owner.sequence }] : [];
          });
          first += mine.filter(({ sequence }) => sequence >= start).length;
          const at = now().toISOString();
          await record({ event: 'items.listed', runId: run.runId, itemKeys: mine.map(({ itemKey }) => itemKey) });
          await insertRows(
            items,
            mine.map((item) => [keyOf(item), { ...item, listedAt: at, progressAt: at }] as const),
          );
          return mine;
        }),
      );
      const own = ownByShard.flat().sort((one, other) => one.sequence - other.sequence);
      return {
        items: own.map(identityOf),
        listed: first,
        relisted: references.size - own.length,
      };
    },

    /**
     * Makes the rows again that were lost of items that were recorded in this run: the index of the source's ids still knows them.
     *
     * @param enqueue - Puts items under way, shard by shard, before their rows are there: a crash in between leaves them missing, so that
     *   they are found again at once.
     * @returns how many were missing.
     */
    async restoreLost({ runId }: { readonly runId: string }, enqueue: (items: readonly ItemReference[]) => Promise<void>): Promise<number> {
      let restored = 0;
      for (const shard of shards) {
        const present = new Set<string>();
        for await (const { itemKey } of rowsOfPartition<ItemRow>(items, `${runId}-${shard}`)) present.add(itemKey);
        const missing: (ItemReference & { type?: string })[] = [];
        const recorded = rowsOfPartition<SourceRow>(content, `source-${archiverId}-${shard}`, { where: odata`runId eq ${runId}` });
        for await (const { rowKey: itemKey = '', sequence, sourceId, arrivedAt, type } of recorded) {
          if (present.has(itemKey)) continue;
          missing.push({ runId, itemKey, sequence, sourceId, arrivedAt, ...(type === undefined ? {} : { type }) });
        }
        if (missing.length === 0) continue;
        const at = now().toISOString();
        await record({ event: 'items.restored', runId, itemKeys: missing.map(({ itemKey }) => itemKey) });
        await enqueue(missing.map(identityOf));
        await pLimit(limits.enqueueConcurrency).map(missing, (item) =>
          restoreRow(items, keyOf(item), { ...item, listedAt: at, progressAt: at }),
        );
        restored += missing.length;
      }
      return restored;
    },

    /** Reads one item. */
    read: (item: Pick<ItemReference, 'runId' | 'itemKey'>): Promise<StoredItem | undefined> => readRow<ItemRow>(items, keyOf(item)),

    /** Which run an item of the source belongs to, by its source id. */
    async find(sourceId: string): Promise<StoredItem | undefined> {
      const itemKey = itemKeyOf(archiverId, sourceId);
      const owner = await readRow<SourceRow>(content, sourceKey({ itemKey }));
      return owner === undefined ? undefined : readRow<ItemRow>(items, keyOf({ runId: owner.runId, itemKey }));
    },

    /** The bytes are in blob storage. */
    async staged(item: ItemReference, bytes: StagedBytes): Promise<void> {
      const at = now().toISOString();
      const { size, sha256 } = bytes;
      await record({ event: 'item.staged', runId: item.runId, itemKey: item.itemKey, size, sha256 });
      await restoreRow(items, keyOf(item), { ...identityOf(item), ...bytes, stagedAt: at, progressAt: at });
    },

    /**
     * The item is done with, for now: imported, skipped or parked.
     *
     * @param item - With what is known of its bytes: a row that was lost while a message had them would not say it any more.
     */
    async ended(item: ItemReference & Partial<StagedBytes>, end: ItemEnd): Promise<void> {
      const at = now().toISOString();
      const { outcome, reason, contentKey } = end;
      const { runId, itemKey, size, sha256 } = item;
      await record({ event: 'item.ended', runId, itemKey, outcome, reason, contentKey, duplicateOf: end.duplicateOf });
      // An index of what waits for an operator: the rows themselves are spread over all runs there ever were.
      if (end.parked !== undefined)
        await restoreRow(items, parkedKey(itemKey), {
          runId,
          reason,
          parkedAt: at,
          inDoubt: end.parked.inDoubt,
          mappingVersion: end.parked.mappingVersion ?? '',
        });
      await restoreRow(items, keyOf(item), {
        ...identityOf(item),
        size,
        sha256,
        // Written over: an earlier end had others.
        deliveries: deliveriesColumn(end.deliveries) ?? '',
        outcome: end.outcome,
        reason: end.reason ?? '',
        contentKey: end.contentKey,
        duplicateOf: end.duplicateOf,
        maskedNumbers: end.maskedNumbers,
        parkedIn: end.parked?.queue,
        parkedMessageId: end.parked?.messageId,
        parkedPopReceipt: end.parked?.popReceipt,
        endedAt: at,
        progressAt: at,
      });
    },

    /**
     * What was in doubt of a parked item is known now; it stays parked.
     *
     * @param etag - Version of its index row.
     * @returns false where somebody else changed the item since it was read; then nothing is written.
     */
    async settled(item: StoredItem, outcome: ItemOutcome, deliveries: readonly DeliveryOutcome[], etag: string): Promise<boolean> {
      const { runId, itemKey, reason, contentKey } = item;
      await record({ event: 'item.ended', runId, itemKey, outcome, reason, contentKey });
      // An empty one says that there are too many for a column.
      const columns = { outcome, deliveries: deliveriesColumn(deliveries) ?? '', progressAt: now().toISOString() };
      return (await mergeRow(items, keyOf(item), columns, item.etag)) && mergeRow(items, parkedKey(itemKey), { inDoubt: false }, etag);
    },

    /** Work on it goes on after a delay. */
    async waitsUntil(item: ItemReference, time: Date): Promise<void> {
      const waitsUntil = time.toISOString();
      await restoreRow(items, keyOf(item), { ...identityOf(item), progressAt: waitsUntil, waitsUntil });
    },

    /**
     * The item is under way again: by the sweep, or by an operator's reprocess.
     *
     * @param change - What is said of it from now on.
     * @returns false where somebody else changed the row since it was read; then nothing is written.
     */
    async reopened(item: StoredItem, change: { readonly requeues: number }): Promise<boolean> {
      await record({ event: 'item.reopened', runId: item.runId, itemKey: item.itemKey, requeues: change.requeues });
      return mergeRow(
        items,
        keyOf(item),
        { outcome: '', reason: '', waitsUntil: '', progressAt: now().toISOString(), requeues: change.requeues },
        item.etag,
      );
    },

    /**
     * The item is dealt with: nothing of it waits for an operator any more.
     *
     * @param etag - Version of the index row that was dealt with; one that was written since (it was parked again meanwhile) stays.
     */
    async unparked(itemKey: string, etag?: string): Promise<void> {
      await removeRow(items, parkedKey(itemKey), etag);
    },

    /** An unmapped item was tried with this version of the mapping, in vain. @param etag - Version of its index row. */
    async mappingTried(itemKey: string, mappingVersion: string, etag: string): Promise<void> {
      await mergeRow(items, parkedKey(itemKey), { mappingVersion }, etag);
    },

    /** The index row of a parked item, or undefined where it is not parked. */
    parkedRow: (itemKey: string): Promise<TableEntityResult<ParkedRow> | undefined> => readRow<ParkedRow>(items, parkedKey(itemKey)),

    /** Everything that is parked, streamed, by key. @param after - Key of the last one that was seen. */
    parked: (after = ''): AsyncIterable<TableEntityResult<ParkedRow>> =>
      rowsOfPartition<ParkedRow>(items, `parked-${archiverId}`, { after }),

    /** An operator gives the item up, for a reason that is kept. */
    async discarded(item: StoredItem, discardReason: string, by: string): Promise<void> {
      const { runId, itemKey } = item;
      await record({ event: 'item.discarded', runId, itemKey, discardReason, by });
      await mergeRow(items, keyOf(item), { discardReason, discardedBy: by, discardedAt: now().toISOString() });
    },

    /** All items of a run, streamed, shard by shard. */
    async *ofRun(runId: string): AsyncGenerator<StoredItem> {
      for (const shard of shards) yield* rowsOfPartition<ItemRow>(items, `${runId}-${shard}`);
    },

    /** The items of one shard of a run, streamed, by key. @param after - Key of the last one that was seen. */
    ofShard: (runId: string, shard: string, after = ''): AsyncIterable<StoredItem> =>
      rowsOfPartition<ItemRow>(items, `${runId}-${shard}`, { after }),
  };
}
