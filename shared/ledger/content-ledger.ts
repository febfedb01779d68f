/**
 * The ledger of content: which item is the original of each content key. This is where duplicates are found.
 *
 * @module
 */
import type { TableClient } from '@azure/data-tables';
import { sameSecond } from '../item/read-date.ts';
import { insertRow, mergeRow, readRow, shardedPartition, type RowKey } from './rows.ts';
import { identityOf, type ItemReference } from './item-row.ts';

/** A row of the table `content`: the item whose copies are in the mailboxes. */
export interface ContentRow extends ItemReference {
  readonly sha256: string;
}

/** The answer to a claim: first to come, here again after an interruption, earlier than the twin that came first, or a duplicate. */
export type Claim =
  | { readonly kind: 'original' }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'supersedes'; readonly twin: ContentRow; confirm(): Promise<boolean> }
  | { readonly kind: 'duplicate'; readonly original: ContentRow };

/** What {@link createContentLedger} gives. */
export type ContentLedger = ReturnType<typeof createContentLedger>;

/**
 * Makes the ledger of content.
 *
 * @param content - Table of identities, shared by all runs of all archivers.
 */
export function createContentLedger(content: TableClient) {
  const keyOf = (archiverId: string, contentKey: string): RowKey => ({
    partitionKey: shardedPartition(`content-${archiverId}`, contentKey),
    rowKey: contentKey,
  });

  return {
    /** The item whose copies are in the mailboxes, or undefined where no item has claimed this content. */
    original: (archiverId: string, contentKey: string): Promise<ContentRow | undefined> =>
      readRow<ContentRow>(content, keyOf(archiverId, contentKey)),

    /**
     * Says that an item has this content.
     *
     * Items of one listing are worked on side by side, so the later of two equal ones may claim first. Where both hold the same bytes
     * the earlier one then takes its place (the copies in the mailboxes are its own, byte for byte), so that the duplicate is always
     * the later one. The caller marks the twin, then confirms.
     *
     * Without a date of their own their copies bear the second in which the one that came first arrived: then another cannot take its place.
     *
     * @param raw - SHA-256 of the raw item, lower-case hex, and whether the item says when it was sent.
     */
    async claim(
      archiverId: string,
      contentKey: string,
      item: ItemReference,
      { sha256, isDated }: { readonly sha256: string; readonly isDated: boolean },
    ): Promise<Claim> {
      const key = keyOf(archiverId, contentKey);
      const { runId, itemKey, sequence } = item;
      const row: ContentRow = { ...identityOf(item), sha256 };
      if ((await insertRow(content, key, { ...row })) !== undefined) return { kind: 'original' };
      const existing = await readRow<ContentRow>(content, key);
      if (existing === undefined) throw new Error(`The row ${contentKey} of the table content was removed while it was read.`);
      if (existing.itemKey === itemKey) return { kind: 'resumed' };
      const isSameTime = isDated || sameSecond(existing.arrivedAt, item.arrivedAt);
      if (isSameTime && existing.runId === runId && existing.sha256 === sha256 && sequence < existing.sequence) {
        return { kind: 'supersedes', twin: existing, confirm: () => mergeRow(content, key, { ...row }, existing.etag) };
      }
      return { kind: 'duplicate', original: existing };
    },
  };
}
