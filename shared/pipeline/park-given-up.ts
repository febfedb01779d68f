/**
 * Parks an item that a step could not finish, with what its deliveries have come to by then.
 *
 * @module
 */
import { PermanentError, type ParkReason } from '../errors.ts';
import { identityOf, outcomeOf, type DeliveryOutcome, type ItemReference } from '../ledger/item-row.ts';
import type { StagedBytes } from '../storage/stage-item.ts';
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
  // The deliveries of this content may be those of the item that this one duplicates.
  if ((await ledger.content.original(archiver.id, contentKey))?.itemKey !== itemKey) return { maskedNumbers };
  const rows = await ledger.deliveries.of({ runId, contentKey });
  if (rows.length === 0) return { contentKey, maskedNumbers };
  return { contentKey, maskedNumbers, deliveries: rows.map(endOf(reason)), inDoubt: rows.some(({ state }) => state === 'creating') };
}

/**
 * Parks an item whose step failed for good. A queue delivers at least once: where another copy of the message has brought the item
 * further, nothing is parked.
 *
 * @param step - Which step it was; absent where none has shown any progress.
 */
export async function parkGivenUp(
  pipeline: Pipeline,
  item: KnownItem,
  reason: ParkReason,
  step?: 'item.download' | 'item.import',
): Promise<void> {
  const row = await pipeline.ledger.items.read(item);
  const isBehind = row !== undefined && (outcomeOf(row) !== 'pending' || (step === 'item.download' && row.stagedAt !== undefined));
  if (isBehind) return;
  // A message of the import knows the bytes, also where the row was lost.
  const known: KnownItem = row?.sha256 === undefined ? item : row;
  await parkItem(pipeline, known, { reason, ...(await readProgress(pipeline, known, reason)) });
}
