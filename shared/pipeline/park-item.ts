/**
 * Parks an item: a message in a poison queue that never expires, and a row in the ledger that says why. The bytes stay in `items`.
 *
 * @module
 */
import type { ParkReason } from '../errors.ts';
import { identityOf, type DeliveryOutcome, type ItemOutcome, type ItemReference } from '../ledger/item-row.ts';
import type { StagedBytes } from '../storage/stage-item.ts';
import { queueNames } from '../storage/storage.ts';
import { sendMessage } from './messages.ts';
import type { Pipeline } from './pipeline.ts';

/** The queues of parked items. */
export const parkedQueues = ['unmapped', 'oversize', 'failed'] as const;
/** One of {@link parkedQueues}. */
export type ParkedQueue = (typeof parkedQueues)[number];

/** In which queue an item waits that was parked for a reason. */
export function parkedQueueOf(reason: ParkReason): ParkedQueue {
  return reason === 'unmapped' || reason === 'oversize' ? reason : 'failed';
}

/** Why, and what is known of the item by then. */
export interface Parking {
  readonly reason: ParkReason;
  readonly contentKey?: string | undefined;
  readonly deliveries?: readonly DeliveryOutcome[];
  /** Some of the deliveries may or may not have made a copy. */
  readonly inDoubt?: boolean;
  /** Mobile numbers of the participants, masked, for the reports. */
  readonly maskedNumbers?: string;
  /** Of the mapping file that did not map it. */
  readonly mappingVersion?: string;
}

/** The outcome of a parked item. */
export function outcomeFor({ reason, deliveries }: Pick<Parking, 'reason' | 'deliveries'>): ItemOutcome {
  if (deliveries?.some(({ state }) => state === 'imported') === true) return 'partial';
  return reason === 'unmapped' || reason === 'oversize' ? reason : 'failed';
}

/**
 * Parks one item.
 *
 * The queue comes first: a crash between the two leaves a second message for one item, which the sweep removes, rather than a row
 * that no queue knows of.
 *
 * @throws the errors of storage.
 */
export async function parkItem(pipeline: Pipeline, item: ItemReference & Partial<StagedBytes>, parking: Parking): Promise<void> {
  const { storage, ledger, log, telemetry, now } = pipeline;
  const { reason, contentKey, deliveries, maskedNumbers, mappingVersion, inDoubt = false } = parking;
  const outcome = outcomeFor(parking);
  const queue = parkedQueueOf(reason);
  const sent = await sendMessage(storage.queues[queue], { ...identityOf(item), reason, parkedAt: now().toISOString() });
  await ledger.items.ended(item, {
    outcome,
    reason,
    ...(contentKey === undefined ? {} : { contentKey }),
    ...(deliveries === undefined ? {} : { deliveries }),
    ...(maskedNumbers === undefined ? {} : { maskedNumbers }),
    parked: { queue: queueNames[queue], ...sent, inDoubt, ...(mappingVersion === undefined ? {} : { mappingVersion }) },
  });
  telemetry.count('archive.items.failed', 1, { reason });
  log.warn('item.parked', { runId: item.runId, itemKey: item.itemKey, outcome, reason });
}
