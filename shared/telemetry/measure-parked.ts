/**
 * Measures what waits for an operator: how many parked items, and for how long.
 *
 * @module
 */
import { parkedQueues } from '../pipeline/park-item.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { tidyParked } from '../pipeline/tidy-parked.ts';
import { queueNames } from '../storage/storage.ts';

/**
 * Measures by the ledger rather than by the depth of the queues: a message that a crash has left there would keep an alert firing that
 * nobody could end.
 *
 * Every queue is measured every time, empty ones too: an alert ends by a newer 0, not by silence.
 *
 * @throws the errors of storage.
 */
export async function measureParked(pipeline: Pipeline): Promise<void> {
  const { telemetry, now } = pipeline;
  const waiting = await tidyParked(pipeline);
  for (const name of parkedQueues) {
    const queue = queueNames[name];
    const { depth, since } = waiting[name];
    telemetry.gauge('archive.parked.depth', depth, { queue });
    // The clock of another instance, or of the storage account, may be a little ahead.
    const ageMs = since === undefined ? 0 : Math.max(0, now().getTime() - Date.parse(since));
    telemetry.gauge('archive.parked.oldest_age_seconds', ageMs / 1000, { queue });
  }
}
