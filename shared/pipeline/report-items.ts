/**
 * What became of each item, read from the ledger alone.
 *
 * @module
 */
import { outcomeOf, recordedDeliveries, type DeliveryOutcome, type ItemOutcome, type StoredItem } from '../ledger/item-row.ts';
import { addCounts, countItem, noCounts, type RunCounts } from './count-run.ts';
import type { Pipeline } from './pipeline.ts';

/** One item of a report. */
export interface ItemReport {
  readonly sourceId: string;
  readonly outcome: ItemOutcome | 'pending';
  /** A reason for parking, or which item this one duplicates. */
  readonly reason?: string;
  /** Null where the item was never read. */
  readonly contentKey: string | null;
  readonly deliveries: readonly DeliveryOutcome[];
}

/** The deliveries of an item: those of its last end, or what the ledger of deliveries says of an item under way. */
export async function deliveriesOf(pipeline: Pick<Pipeline, 'ledger'>, row: StoredItem): Promise<readonly DeliveryOutcome[]> {
  const outcome = outcomeOf(row);
  if (outcome === 'skipped' || row.contentKey === undefined || row.contentKey === '') return [];
  const recorded = outcome === 'pending' ? undefined : recordedDeliveries(row);
  if (recorded !== undefined) return recorded;
  if (outcome !== 'pending' && outcome !== 'imported' && outcome !== 'partial' && outcome !== 'failed') return [];
  const rows = await pipeline.ledger.deliveries.of({ runId: row.runId, contentKey: row.contentKey });
  // What has no end although its item has one failed with it.
  const open = outcome === 'pending' ? 'pending' : 'failed';
  return rows.map(({ mailbox, state, reason }) => ({
    mailbox,
    state: state === 'creating' || state === 'pending' ? open : state,
    ...(reason === undefined || reason === '' ? {} : { reason }),
  }));
}

/** Reads every item of the runs, one after the other, so that no number of items is held in memory. */
export async function* reportItems(
  pipeline: Pick<Pipeline, 'ledger'>,
  runIds: readonly string[],
): AsyncGenerator<{ readonly row: StoredItem; readonly report: ItemReport; readonly counts: RunCounts }> {
  for (const runId of runIds) {
    for await (const row of pipeline.ledger.items.ofRun(runId)) {
      const deliveries = await deliveriesOf(pipeline, row);
      const reason = row.duplicateOf === undefined ? row.reason : `duplicate of ${row.duplicateOf}`;
      yield {
        row,
        report: {
          sourceId: row.sourceId,
          outcome: outcomeOf(row),
          ...(reason === undefined || reason === '' ? {} : { reason }),
          contentKey: row.contentKey ?? null,
          deliveries,
        },
        counts: countItem(row, deliveries),
      };
    }
  }
}

/** Adds up the books of a run. */
export async function countRun(pipeline: Pick<Pipeline, 'ledger'>, runId: string): Promise<RunCounts> {
  let counts = noCounts;
  for await (const item of reportItems(pipeline, [runId])) counts = addCounts(counts, item.counts);
  return counts;
}
