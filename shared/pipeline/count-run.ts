/**
 * The books of a run, in the words of Microsoft's connector log.
 *
 * @module
 */
import { isParked, outcomeOf, type DeliveryOutcome, type ItemRow } from '../ledger/item-row.ts';

/**
 * Counts of deliveries; an item that ends without any counts once. Always:
 * `availableForImport = imported + partiallyImported + skipped + failed + pending`.
 */
export interface RunCounts {
  /** Items listed, each once however often it was listed. */
  readonly availableFromSource: number;
  readonly availableForImport: number;
  readonly imported: number;
  readonly partiallyImported: number;
  readonly skipped: number;
  readonly failed: number;
  readonly pending: number;
}

/** No items. */
export const noCounts: RunCounts = {
  availableFromSource: 0,
  availableForImport: 0,
  imported: 0,
  partiallyImported: 0,
  skipped: 0,
  failed: 0,
  pending: 0,
};

/** Whether an item is parked although no delivery of it has failed: somebody whom it was meant for could not be looked up. */
export function hasUnknownFailure(row: Pick<ItemRow, 'outcome' | 'duplicateOf'>, deliveries: readonly DeliveryOutcome[]): boolean {
  return isParked(row) && !deliveries.some(({ state }) => state === 'failed');
}

/** What one item adds to the books. */
export function countItem(row: Pick<ItemRow, 'outcome' | 'duplicateOf'>, deliveries: readonly DeliveryOutcome[]): RunCounts {
  const outcome = outcomeOf(row);
  const with_ = (part: Partial<RunCounts>): RunCounts => ({ ...noCounts, availableFromSource: 1, ...part });
  if (outcome === 'skipped') return with_({ availableForImport: 1, skipped: 1 });
  if (deliveries.length === 0) return with_({ availableForImport: 1, ...(outcome === 'pending' ? { pending: 1 } : { failed: 1 }) });
  const count = (state: DeliveryOutcome['state']) => deliveries.filter((delivery) => delivery.state === state).length;
  const unknown = hasUnknownFailure(row, deliveries) ? 1 : 0;
  return with_({
    availableForImport: deliveries.length + unknown,
    imported: count('imported'),
    failed: count('failed') + unknown,
    pending: count('pending'),
  });
}

/** Adds up. */
export function addCounts(one: RunCounts, other: RunCounts): RunCounts {
  return {
    availableFromSource: one.availableFromSource + other.availableFromSource,
    availableForImport: one.availableForImport + other.availableForImport,
    imported: one.imported + other.imported,
    partiallyImported: one.partiallyImported + other.partiallyImported,
    skipped: one.skipped + other.skipped,
    failed: one.failed + other.failed,
    pending: one.pending + other.pending,
  };
}

/** Whether everything is accounted for and nothing is under way. */
export function isBalanced(counts: RunCounts): boolean {
  const { availableForImport, imported, partiallyImported, skipped, failed, pending } = counts;
  return pending === 0 && availableForImport === imported + partiallyImported + skipped + failed;
}
