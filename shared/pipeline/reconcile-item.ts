/**
 * Re-checks one item: its raw bytes against the ledger, and every copy that the ledger says is in a mailbox.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { PermanentError } from '../errors.ts';
import { outcomeOf, recordedDeliveries, type StoredItem } from '../ledger/item-row.ts';
import { parseItem } from '../item/parse-item.ts';
import type { ItemAttachment } from '../item/parsed-item.ts';
import { originalAttachment } from '../mailbox/compose-message.ts';
import type { CopyIdentity, ExpectedCopy } from '../mailbox/verify-copy.ts';
import { openBlob } from '../storage/read-blob.ts';
import { stagedBlobName } from '../storage/stage-item.ts';
import { isMissing } from '../storage/storage-errors.ts';
import type { Pipeline } from './pipeline.ts';
import { checkCopy } from './reconcile-copy.ts';
import type { KnownFolders } from './reconcile-folders.ts';
import { noneChecked, type FoundProblem, type ReconcileCounts, type ReconcileProblem } from './reconcile-problems.ts';

/** What became of one item since. */
export interface CheckedItem {
  readonly counts: ReconcileCounts;
  readonly problems: readonly FoundProblem[];
}

/** Bytes that are the ledger's own, or what is wrong with them. */
type RawItem = { readonly bytes: Buffer | undefined } | { readonly problem: ReconcileProblem };

/** Reads a raw item from end to end; the bytes are kept only where they are needed. Stops where the blob is longer than it was. */
async function readRaw(pipeline: Pipeline, row: StoredItem, size: number, sha256: string, keep: boolean): Promise<RawItem> {
  const blob = pipeline.storage.containers.items.getBlobClient(stagedBlobName(row));
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const bytes of (await openBlob(blob)).chunks) {
      length += bytes.byteLength;
      if (length > size) return { problem: 'raw-item-altered' };
      hash.update(bytes);
      if (keep) chunks.push(bytes);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { problem: 'raw-item-missing' };
  }
  if (length !== size || hash.digest('hex') !== sha256) return { problem: 'raw-item-altered' };
  return { bytes: keep ? Buffer.concat(chunks) : undefined };
}

/** The bytes of a large item would stay in memory for as long as its copies are looked at. */
const withoutBytes = ({ name, content: { byteLength } }: ItemAttachment) => ({ name, content: { byteLength } });

/** What a copy of these bytes looks like; only its identity where the item is lost or can no longer be read. */
async function expectedCopy(pipeline: Pipeline, row: StoredItem, raw: Buffer | undefined): Promise<CopyIdentity | ExpectedCopy> {
  const { settings, importer } = pipeline;
  const { contentKey = '', sha256 = '', arrivedAt } = row;
  if (raw === undefined) return { contentKey, sha256 };
  try {
    const parsed = await parseItem(raw, { userEmailHeader: settings.USER_EMAIL_HEADER });
    const { sentAt, sent, attachments } = importer.compose({ contentKey, sha256, arrivedAt, parsed, raw });
    // ATTACH_ORIGINAL may have been changed since the import, so the copy is right with the original and without it.
    const without = attachments.filter(({ content }) => content !== raw);
    const other = without.length < attachments.length ? without : [...attachments, originalAttachment(raw)];
    return { contentKey, sha256, sentAt, sent, attachments: attachments.map(withoutBytes), otherAttachments: other.map(withoutBytes) };
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { contentKey, sha256 };
  }
}

/**
 * Re-checks an item.
 *
 * @throws RetryAfterError and TransientError of the mailboxes, errors of storage.
 */
export async function reconcileItem(pipeline: Pipeline, folders: KnownFolders, row: StoredItem): Promise<CheckedItem> {
  const { ledger } = pipeline;
  const { runId, sourceId, itemKey, contentKey = '', size, sha256 } = row;
  const outcome = outcomeOf(row);
  const problems: FoundProblem[] = [];
  const found = (problem: ReconcileProblem, detail: string, mailbox?: string) => {
    problems.push({ problem, sourceId, itemKey, detail, ...(mailbox === undefined ? {} : { mailbox }) });
  };

  // The deliveries of a duplicate are those of its original.
  const rows = contentKey === '' || outcome === 'skipped' ? [] : await ledger.deliveries.of({ runId, contentKey });
  const delivered = rows.filter(({ state }) => state === 'imported');

  const wasStaged = size !== undefined && sha256 !== undefined;
  const raw: RawItem = wasStaged ? await readRaw(pipeline, row, size, sha256, delivered.length > 0) : { bytes: undefined };
  if ('problem' in raw) found(raw.problem, '');

  const expected = await expectedCopy(pipeline, row, 'bytes' in raw ? raw.bytes : undefined);
  let copiesIntact = 0;
  for (const { mailboxId, mailbox, messageId } of delivered) {
    const troubles = await checkCopy(pipeline, folders, { mailbox: { id: mailboxId, address: mailbox }, messageId, expected });
    if (troubles.length === 0) copiesIntact += 1;
    for (const { problem, detail } of troubles) found(problem, detail, mailbox);
  }

  // A copy whose row is lost would be checked by nobody.
  const promised = recordedDeliveries(row) ?? [];
  const promisedCopies = promised.filter(({ state }) => state === 'imported');
  // By number and not by address alone: a user who was renamed before a reprocess has one address in the item and another in the delivery.
  const lost = promisedCopies
    .filter(({ mailbox }) => !delivered.some((row) => row.mailbox === mailbox))
    .slice(0, Math.max(0, promisedCopies.length - delivered.length));
  for (const { mailbox } of lost) found('ledger-row-missing', 'the delivery', mailbox);
  if (outcome === 'imported' && promised.length === 0 && delivered.length === 0) found('ledger-row-missing', 'all deliveries of the item');

  return {
    counts: {
      ...noneChecked,
      items: 1,
      pending: outcome === 'pending' ? 1 : 0,
      rawItems: wasStaged ? 1 : 0,
      rawItemsIntact: wasStaged && !('problem' in raw) ? 1 : 0,
      copies: delivered.length + lost.length,
      copiesIntact,
    },
    problems,
  };
}
