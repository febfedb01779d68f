/**
 * Parks an item that a step could not finish, with what its deliveries have come to by then.
 *
 * @module
 */
import { PermanentError, type ParkReason } from '../errors.ts';
import { identityOf, mayGoOn, outcomeOf, type DeliveryOutcome, type ItemReference } from '../ledger/item-row.ts';
import { findStaged, stagedBlobName, type StagedBytes } from '../storage/stage-item.ts';
import { passOn } from './download-item.ts';
import { openItem, readMaskedNumbers, type OpenedItem } from './open-item.ts';
import { parkItem, type Parking } from './park-item.ts';
import type { Pipeline } from './pipeline.ts';

/** A delivery as it counts now: one without an end has failed with its item, until the sweep or a reprocess has looked for its copy. */
function endOf(reason: ParkReason): (row: { mailbox: string; state: string; reason?: ParkReason | '' }) => DeliveryOutcome {
  return ({ mailbox, state, reason: own }) =>
    state === 'imported' ? { mailbox, state } : { mailbox, state: 'failed', reason: own === undefined || own === '' ? reason : own };
}

/** An item, with what is known of its bytes. */
type KnownItem = ItemReference & Partial<StagedBytes>;

/** The item with what is known of its bytes, also where its row was lost: a message of the import says it, and the blob itself. */
async function withBytes({ storage }: Pipeline, row: KnownItem, message: KnownItem): Promise<KnownItem> {
  if (row.sha256 !== undefined) return row;
  if (message.sha256 !== undefined) return message;
  try {
    return { ...identityOf(row), ...(await findStaged(storage.containers.items, stagedBlobName(row))) };
  } catch (error) {
    // Not our bytes: nothing is known of the item's own.
    if (!(error instanceof PermanentError)) throw error;
    return identityOf(row);
  }
}

/** Reasons after which the bytes of the item are its own, and its head may tell who took part in it. */
const isUnread = ({ reason }: PermanentError): boolean => reason === 'unreadable' || reason === 'too-many-participants';

/** What earlier tries have put into mailboxes: without it the books would not know of those copies. And whose item it is. */
async function readProgress(pipeline: Pipeline, item: KnownItem, reason: ParkReason): Promise<Omit<Parking, 'reason'>> {
  const { ledger, archiver } = pipeline;
  const { size, sha256, runId, itemKey } = item;
  if (size === undefined || sha256 === undefined) return {};
  const message = { ...identityOf(item), size, sha256 };
  let opened: OpenedItem;
  try {
    opened = await openItem(pipeline, message);
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    // An item that cannot be read was never delivered.
    return isUnread(error) ? { maskedNumbers: await readMaskedNumbers(pipeline, message) } : {};
  }
  const { contentKey, maskedNumbers } = opened;
  // The deliveries of this content may be those of the item that this one duplicates; unless it was just taking that one's place.
  const original = await ledger.content.original(archiver.id, contentKey);
  const isOwn = original?.itemKey === itemKey;
  const isReplacing = async () => original !== undefined && (await ledger.items.read(original))?.duplicateOf === item.sourceId;
  if (!isOwn && !(await isReplacing())) return { maskedNumbers };
  const rows = await ledger.deliveries.of({ runId, contentKey });
  if (rows.length === 0) return { contentKey, maskedNumbers };
  return { contentKey, maskedNumbers, deliveries: rows.map(endOf(reason)), inDoubt: rows.some(({ state }) => state === 'creating') };
}

/**
 * Parks an item whose step failed for good. A queue delivers at least once: where another copy of the message has brought the item
 * further, nothing is parked, and where its bytes are there a transfer that was given up goes on with the import.
 *
 * @param step - Which step it was; absent where none has shown any progress.
 * @throws the errors of storage.
 */
export async function parkGivenUp(
  pipeline: Pipeline,
  item: KnownItem,
  reason: ParkReason,
  step?: 'item.download' | 'item.import',
): Promise<void> {
  const { ledger } = pipeline;
  const row = await ledger.items.read(item);
  const hasEnded = row !== undefined && outcomeOf(row) !== 'pending';
  const isBehind = step === 'item.import' ? row !== undefined && !mayGoOn(row) : hasEnded;
  if (isBehind) return;
  const known = await withBytes(pipeline, row ?? item, item);
  const { size, sha256 } = known;
  // The transfer is done, and its process has ended before it could pass the item on.
  if (step === 'item.download' && size !== undefined && sha256 !== undefined) return passOn(pipeline, identityOf(known), { size, sha256 });
  const progress = await readProgress(pipeline, known, reason);
  // It was parked with as much as is known now.
  if (hasEnded && progress.contentKey === undefined) return;
  await parkItem(pipeline, known, { reason, ...progress });
  // It may have been completed with the item as it was.
  if (hasEnded) await ledger.runs.recount(item.runId);
}
