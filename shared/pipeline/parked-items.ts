/**
 * What an operator does with parked items: look at them, try them again, give them up. Used by the HTTP functions.
 *
 * @module
 */
import type { TableEntityResult } from '@azure/data-tables';
import { describeError, PermanentError, type ParkReason } from '../errors.ts';
import { outcomeOf, type ParkedRow, type StoredItem } from '../ledger/item-row.ts';
import { parseItem } from '../item/parse-item.ts';
import { limits } from '../limits.ts';
import { readStagedItem, stagedBlobName } from '../storage/stage-item.ts';
import { mapItem } from './import-item.ts';
import { removeMessage } from './parked-messages.ts';
import type { Pipeline } from './pipeline.ts';
import { deliveriesOf, type ItemReport } from './report-items.ts';
import { enqueueAgain } from './sweep-items.ts';

/** A parked item as an operator sees it. */
export interface ParkedItem extends ItemReport {
  readonly itemKey: string;
  readonly runId: string;
  readonly arrivedAt: string;
  readonly parkedAt: string;
  /** In bytes; absent where the item was never transferred. */
  readonly size?: number;
  readonly maskedNumbers?: string;
}

/** Which parked items are meant. */
export interface ParkedFilter {
  readonly reason?: ParkReason;
  /** Go on after this item key. */
  readonly after?: string;
}

/** Items of one page, and of one call of {@link reprocessItems}: well within the 230 s that Azure gives an HTTP call. */
const PAGE = 200;

async function describe(pipeline: Pipeline, row: StoredItem): Promise<ParkedItem> {
  const { itemKey, runId, arrivedAt, endedAt, sourceId, outcome, reason, contentKey, size, maskedNumbers } = row;
  return {
    itemKey,
    runId,
    arrivedAt,
    parkedAt: endedAt ?? '',
    sourceId,
    outcome: outcome === undefined || outcome === '' ? 'pending' : outcome,
    ...(reason === undefined ? {} : { reason }),
    contentKey: contentKey ?? null,
    deliveries: await deliveriesOf(pipeline, row),
    ...(size === undefined ? {} : { size }),
    ...(maskedNumbers === undefined ? {} : { maskedNumbers }),
  };
}

/**
 * One page of parked items, by key.
 *
 * @returns the items, and the key to go on after where there are more.
 * @throws the errors of storage.
 */
export async function listParked(pipeline: Pipeline, filter: ParkedFilter = {}): Promise<{ items: ParkedItem[]; after?: string }> {
  const items: ParkedItem[] = [];
  for await (const parked of pipeline.ledger.items.parked(filter.after)) {
    if (filter.reason !== undefined && filter.reason !== parked.reason) continue;
    const row = await findWaiting(pipeline, parked);
    if (row !== undefined) items.push(await describe(pipeline, row));
    if (items.length === PAGE) return { items, after: parked.rowKey ?? '' };
  }
  return { items };
}

/**
 * One parked item, or undefined where it is not parked.
 *
 * @throws the errors of storage.
 */
export async function showParked(pipeline: Pipeline, itemKey: string): Promise<ParkedItem | undefined> {
  const parked = await readParked(pipeline, itemKey);
  return parked === undefined ? undefined : describe(pipeline, parked.row);
}

/** An item that ended otherwise since it was parked; a crash between its reprocess and this has left it in the index. */
function isDealtWith(row: StoredItem): boolean {
  return ['imported', 'skipped'].includes(outcomeOf(row));
}

/**
 * Finds the item of a row of the index. Where it waits for nobody any more, the row is removed.
 *
 * @returns undefined where it does not wait, or its row was lost: then its run is gone through again, which makes the row anew and puts the
 *   item back to work.
 * @throws the errors of storage.
 */
export async function findWaiting({ ledger, now }: Pipeline, parked: TableEntityResult<ParkedRow>): Promise<StoredItem | undefined> {
  const { rowKey: itemKey = '', runId, parkedAt, inDoubt = false, etag } = parked;
  const row = await ledger.items.read({ runId, itemKey });
  if (row === undefined) {
    await ledger.runs.recount(runId);
    return undefined;
  }
  if (!isDealtWith(row) && row.discardedAt === undefined) {
    // A reprocess that was cut off may have left it under way in a run that was completed in its middle.
    if (outcomeOf(row) === 'pending') await ledger.runs.recount(runId);
    return row;
  }
  // What was discarded while in doubt stays in the index for the sweep's sake; and a row that has just come is ahead of that of its item.
  const mayGo = isDealtWith(row) ? Date.parse(parkedAt) <= now().getTime() - limits.parkingSettlesMs : !inDoubt;
  if (!mayGo) return undefined;
  // Its run may have been completed with the item as it was: a step that went on with another copy of the message does not look, and a
  // crash may have cut a discard off.
  await ledger.runs.recount(runId);
  await ledger.items.unparked(itemKey, etag);
  return undefined;
}

/** @returns the item, and its index row's version and whether it is in doubt. */
async function readParked(pipeline: Pipeline, itemKey: string): Promise<{ row: StoredItem; etag: string; inDoubt: boolean } | undefined> {
  const parked = await pipeline.ledger.items.parkedRow(itemKey);
  const row = parked === undefined ? undefined : await findWaiting(pipeline, parked);
  return parked === undefined || row === undefined ? undefined : { row, etag: parked.etag, inDoubt: parked.inDoubt ?? false };
}

/**
 * Puts a parked item back to work. Any step may be the last one before a crash: done again, it goes on.
 *
 * @param by - Who asked for it, for the audit log.
 * @returns false where the item is not parked, or somebody else is just putting it back.
 * @throws the errors of storage.
 */
export async function reprocessItem(pipeline: Pipeline, itemKey: string, by: string): Promise<boolean> {
  const { ledger, audit } = pipeline;
  const parked = await readParked(pipeline, itemKey);
  if (parked === undefined) return false;
  const { row, etag } = parked;
  await audit.record({ event: 'operator.reprocess', runId: row.runId, itemKey, by });
  // Before the item: a run that looks complete is not swept, and would never see that the item is under way.
  await ledger.runs.reopened(row.runId);
  if (row.contentKey !== undefined) await ledger.deliveries.reopened({ runId: row.runId, contentKey: row.contentKey });
  await removeMessage(pipeline, row);
  if ((row.outcome ?? '') !== '' && !(await ledger.items.reopened(row, { requeues: 0 }))) return false;
  // And after it: the run may have been completed in between, with the item as it was.
  await ledger.runs.recount(row.runId);
  await enqueueAgain(pipeline, row);
  // Unless it was parked again meanwhile.
  await ledger.items.unparked(itemKey, etag);
  return true;
}

/**
 * Puts one page of parked items back to work.
 *
 * @returns how many, and the key to go on after where there are more.
 * @throws the errors of storage; what was put back to work before stays so.
 */
export async function reprocessItems(
  pipeline: Pipeline,
  filter: ParkedFilter,
  by: string,
): Promise<{ reprocessed: number; after?: string }> {
  const { items, after } = await listParked(pipeline, filter);
  let reprocessed = 0;
  for (const { itemKey } of items) {
    if (await reprocessItem(pipeline, itemKey, by)) reprocessed += 1;
  }
  return { reprocessed, ...(after === undefined ? {} : { after }) };
}

/**
 * Gives a parked item up. Its bytes and its outcome stay; it no longer waits for anybody.
 *
 * @param reason - In the operator's words; kept in the ledger and the audit log.
 * @returns false where the item is not parked.
 * @throws the errors of storage.
 */
export async function discardItem(pipeline: Pipeline, itemKey: string, reason: string, by: string): Promise<boolean> {
  const parked = await readParked(pipeline, itemKey);
  if (parked === undefined) return false;
  const { row, etag, inDoubt } = parked;
  // Before the item and after it, as in a reprocess: the reports of its run say why it was given up.
  await pipeline.ledger.runs.reopened(row.runId);
  await pipeline.ledger.items.discarded(row, reason, by);
  await pipeline.ledger.runs.recount(row.runId);
  await removeMessage(pipeline, row);
  if (!inDoubt) await pipeline.ledger.items.unparked(itemKey, etag);
  return true;
}

/** Whether the mapping in force maps an item. @throws the errors of storage and of the look-ups. */
async function isMapped(pipeline: Pipeline, row: StoredItem): Promise<boolean> {
  const { settings, storage } = pipeline;
  const { size, sha256 } = row;
  if (size === undefined || sha256 === undefined) return false;
  const raw = await readStagedItem(storage.containers.items, stagedBlobName(row), { size, sha256 });
  const { mailboxes, failure } = await mapItem(pipeline, await parseItem(raw, { userEmailHeader: settings.USER_EMAIL_HEADER }));
  if (mailboxes.length === 0 && failure !== undefined) throw failure;
  return mailboxes.length > 0;
}

/**
 * After a change of the mapping: puts exactly those unmapped items back to work that it maps now. Each item is tried once with each
 * version of the file, also one that was parked by an instance that still had the version before.
 *
 * @returns how many.
 * @throws the errors of storage.
 */
export async function freeMappedItems(pipeline: Pipeline): Promise<number> {
  const { ledger, mapping, log } = pipeline;
  const version = (await mapping())?.version ?? '';
  let freed = 0;
  for await (const { rowKey: itemKey = '', runId, reason, mappingVersion = '', etag } of ledger.items.parked()) {
    if (reason !== 'unmapped' || mappingVersion === version) continue;
    const row = await ledger.items.read({ runId, itemKey });
    if (row === undefined) continue;
    try {
      if (!(await isMapped(pipeline, row))) {
        await ledger.items.mappingTried(itemKey, version, etag);
        continue;
      }
    } catch (error) {
      log.warn('mapping.not-tried', { runId, itemKey, error: describeError(error) });
      // It stays parked, as it would after a reprocess. Anything else is tried again by the next sweep; the others are tried all the same.
      if (error instanceof PermanentError) await ledger.items.mappingTried(itemKey, version, etag);
      continue;
    }
    // In between nothing is written: a crash tries it again.
    if (await reprocessItem(pipeline, itemKey, 'the archiver itself: the mapping changed')) freed += 1;
  }
  if (freed > 0) log.info('mapping.freed', { items: freed });
  return freed;
}
