/**
 * Measures what waits for an operator: how many parked items, and for how long.
 *
 * @module
 */
import { queueNames, type Storage } from '../storage/storage.ts';
import type { Telemetry } from './telemetry.ts';

/**
 * Asks each queue of parked items for its depth and its first message. A queue gives its messages roughly in the order in which they came, and
 * none of these is ever received, so the first one is the oldest.
 *
 * Every queue is measured every time, empty ones too: an alert ends by a newer 0, not by silence.
 *
 * @throws the errors of storage.
 */
export async function measureParked(queues: Storage['queues'], telemetry: Telemetry, now: () => Date): Promise<void> {
  await Promise.all(
    (['unmapped', 'oversize', 'failed'] as const).map(async (name) => {
      const queue = queueNames[name];
      const [{ approximateMessagesCount = 0 }, { peekedMessageItems }] = await Promise.all([
        queues[name].getProperties(),
        queues[name].peekMessages({ numberOfMessages: 1 }),
      ]);
      const oldest = peekedMessageItems[0]?.insertedOn;
      telemetry.gauge('archive.parked.depth', approximateMessagesCount, { queue });
      // The clocks of the app and of the storage account may differ by a little.
      const ageMs = oldest === undefined ? 0 : Math.max(0, now().getTime() - oldest.getTime());
      telemetry.gauge('archive.parked.oldest_age_seconds', ageMs / 1000, { queue });
    }),
  );
}
