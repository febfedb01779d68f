/**
 * What the reports say of an item: one line for each delivery, and one for an item without any, in the words of Microsoft's connector log.
 *
 * @module
 */
import { PARK_REASONS, type ParkReason } from '../errors.ts';
import { outcomeOf, type DeliveryOutcome, type ItemRow } from '../ledger/item-row.ts';
import { hasUnknownFailure, type RunCounts } from '../pipeline/count-run.ts';

/** What became of a delivery, or of an item without one. */
export type ReportResult = 'imported successfully' | 'skipped (duplicate)' | 'failed' | 'pending';

/** One line of a report. */
export interface ReportLine {
  readonly itemId: string;
  readonly itemKey: string;
  /** Mobile numbers of the participants, masked. */
  readonly sourceUserIds: readonly string[];
  /** Microsoft 365 user id; empty where nobody was found. */
  readonly user: string;
  readonly result: ReportResult;
  /** A key of {@link PARK_REASONS}, or `duplicate`; empty where the item was imported. */
  readonly reason: ParkReason | 'duplicate' | '';
  /** The reason in plain words. */
  readonly explanation: string;
  /** Why an operator gave the item up; empty where nobody did. */
  readonly givenUp: string;
}

const results = { imported: 'imported successfully', failed: 'failed', pending: 'pending' } as const;

/** The columns of the CSV file. */
export const reportColumns = [
  'Item id',
  'Item key',
  'Source user id (mobile number)',
  'Microsoft 365 user id',
  'Result',
  'Reason',
  'Explanation',
  'Given up because',
] as const;

/** A line as cells, in the order of {@link reportColumns}. */
export function cellsOf(line: ReportLine): string[] {
  const { itemId, itemKey, sourceUserIds, user, result, reason, explanation, givenUp } = line;
  return [itemId, itemKey, sourceUserIds.join(', '), user, result, reason, explanation, givenUp];
}

/** The lines of an item. They add up to what `countItem` counts for it. */
export function linesOf(row: ItemRow, deliveries: readonly DeliveryOutcome[]): ReportLine[] {
  const common = {
    itemId: row.sourceId,
    itemKey: row.itemKey,
    sourceUserIds: row.maskedNumbers === undefined || row.maskedNumbers === '' ? [] : row.maskedNumbers.split('; '),
    givenUp: row.discardReason ?? '',
  };
  const line = (state: DeliveryOutcome['state'], user: string, reason: ParkReason | '' = ''): ReportLine => ({
    ...common,
    user,
    result: results[state],
    reason,
    explanation: reason === '' ? '' : PARK_REASONS[reason],
  });
  const outcome = outcomeOf(row);
  if (outcome === 'skipped') {
    const explanation = `the item has the content of item ${row.duplicateOf ?? ''}, which stands for both`;
    return [{ ...common, user: '', result: 'skipped (duplicate)', reason: 'duplicate', explanation }];
  }
  if (deliveries.length === 0) return [line(outcome === 'pending' ? 'pending' : 'failed', '', row.reason)];
  const lines = deliveries.map(({ mailbox, state, reason }) => line(state, mailbox, reason));
  return hasUnknownFailure(row, deliveries) ? [...lines, line('failed', '', row.reason)] : lines;
}

/** The books in Microsoft's words. */
export function countsInWords(counts: RunCounts): Readonly<Record<string, number>> {
  return {
    'Items available from source': counts.availableFromSource,
    'Items available for import': counts.availableForImport,
    'Imported successfully': counts.imported,
    'Partially imported': counts.partiallyImported,
    'Skipped (duplicates)': counts.skipped,
    Failed: counts.failed,
  };
}
