/**
 * Third step: one staged item is read, mapped and delivered, or parked, or found to be a duplicate.
 *
 * @module
 */
import pLimit from 'p-limit';
import type { ParsedItem } from '../item/parsed-item.ts';
import type { DeliveryGroup, StoredDelivery } from '../ledger/delivery-ledger.ts';
import { mayGoOn } from '../ledger/item-row.ts';
import { limits } from '../limits.ts';
import { mapParticipants, type MappedParticipants } from '../mapping/map-participants.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { deliverItem } from './deliver-item.ts';
import type { ImportMessage } from './messages.ts';
import { openItem, type OpenedItem } from './open-item.ts';
import { parkGivenUp } from './park-given-up.ts';
import { parkItem } from './park-item.ts';
import { removeMessage } from './parked-messages.ts';
import type { Pipeline } from './pipeline.ts';

/** Large items take their turn: parsed, one takes about three times its size. */
const largeItems = pLimit(1);

/** @returns whether the item goes on, and whether some of its deliveries may have been begun; nothing of a duplicate. */
async function claimContent(
  pipeline: Pipeline,
  message: ImportMessage,
  { contentKey, content }: OpenedItem,
): Promise<'new' | 'resumed' | 'duplicate'> {
  const { ledger, archiver, log, telemetry } = pipeline;
  const { runId, itemKey } = message;
  for (;;) {
    // The copies of an item without a date bear the time of its arrival.
    const isDated = content === undefined || content.parsed.sentAt !== undefined;
    const claim = await ledger.content.claim(archiver.id, contentKey, message, { sha256: message.sha256, isDated });
    switch (claim.kind) {
      case 'original':
        return 'new';
      case 'resumed':
        return 'resumed';
      case 'supersedes': {
        const twin = await ledger.items.read(claim.twin);
        // The mark comes first: a crash in between leaves the claim as it was, and both steps are done again.
        // Its bytes are the same.
        await ledger.items.ended({ ...claim.twin, size: message.size }, { outcome: 'skipped', contentKey, duplicateOf: message.sourceId });
        await ledger.items.unparked(claim.twin.itemKey);
        if (twin !== undefined) await removeMessage(pipeline, twin);
        if (await claim.confirm()) {
          telemetry.count('archive.items.skipped');
          return 'resumed';
        }
        break;
      }
      case 'duplicate':
        await ledger.items.ended(message, { outcome: 'skipped', contentKey, duplicateOf: claim.original.sourceId });
        telemetry.count('archive.items.skipped');
        log.info('item.skipped', { runId, itemKey, duplicateOf: claim.original.itemKey });
        return 'duplicate';
    }
  }
}

/** Who gets the item, by the mapping in force; with a failure where some of the participants could not be looked up. */
export async function mapItem(
  pipeline: Pipeline,
  { participants }: Pick<ParsedItem, 'participants'>,
): Promise<Pick<MappedParticipants, 'mailboxes' | 'failure'> & { readonly mappingVersion: string }> {
  const { settings, mapping, findMailbox } = pipeline;
  const table = await mapping();
  const mapped = await mapParticipants(participants, {
    ...(table === undefined ? {} : { mapping: table }),
    ...(settings.PHONE_DEFAULT_COUNTRY === undefined ? {} : { defaultCountry: settings.PHONE_DEFAULT_COUNTRY }),
    automatic: settings.MAPPING_AUTOMATIC,
    findMailbox,
  });
  return { ...mapped, mappingVersion: table?.version ?? '' };
}

/** Deliveries that were begun for other mailboxes than the item is mapped to now, and may have made copies. */
async function deliveriesBegunFor({ ledger }: Pipeline, group: DeliveryGroup, mailboxes: readonly Mailbox[]): Promise<StoredDelivery[]> {
  const meant = new Set(mailboxes.map(({ id }) => id));
  const rows = await ledger.deliveries.of(group);
  return rows.filter(({ mailboxId, state }) => !meant.has(mailboxId) && (state === 'imported' || state === 'creating'));
}

async function importOpened(pipeline: Pipeline, message: ImportMessage): Promise<void> {
  const { ledger, importer } = pipeline;
  const [row, opened] = await Promise.all([ledger.items.read(message), openItem(pipeline, message)]);
  // A queue delivers at least once, and an operator may have discarded it meanwhile.
  if (row !== undefined && !mayGoOn(row)) return;
  const { contentKey, maskedNumbers, content } = opened;
  const claimed = await claimContent(pipeline, message, opened);
  if (claimed === 'duplicate') return;
  // With what was delivered while the limit was higher.
  if (content === undefined) return parkGivenUp(pipeline, message, 'oversize', 'item.import');

  const { sha256, arrivedAt, runId } = message;
  const { mailboxes, failure, mappingVersion } = await mapItem(pipeline, content.parsed);
  // Nobody's delivery is given up as unmapped while somebody could not be looked up.
  const left = claimed === 'resumed' && failure === undefined ? await deliveriesBegunFor(pipeline, { runId, contentKey }, mailboxes) : [];
  const parkUnmapped = () => parkItem(pipeline, message, { reason: 'unmapped', contentKey, maskedNumbers, mappingVersion });
  if (mailboxes.length === 0 && left.length === 0) {
    if (failure !== undefined) throw failure;
    return parkUnmapped();
  }

  const composed = importer.compose({ contentKey, sha256, arrivedAt, ...content });
  const deliveries = await deliverItem(pipeline, { runId, contentKey }, mailboxes, composed, left);
  // Whoever could be looked up has theirs; the next try is for the others.
  if (failure !== undefined) throw failure;
  if (deliveries.length === 0) return parkUnmapped();
  const refused = deliveries.find(({ state }) => state === 'failed');
  if (refused?.reason !== undefined) return parkItem(pipeline, message, { reason: refused.reason, contentKey, deliveries, maskedNumbers });
  await ledger.items.ended(message, { outcome: 'imported', contentKey, deliveries });
}

/**
 * Imports one item. Safe to be done any number of times, also at the same time.
 *
 * @throws PermanentError (the caller parks the item), TransientError, RetryAfterError, and errors of storage.
 */
export async function importItem(pipeline: Pipeline, message: ImportMessage): Promise<void> {
  const work = () => importOpened(pipeline, message);
  return message.size > limits.largeItemBytes ? largeItems(work) : work();
}
