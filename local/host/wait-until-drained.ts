/**
 * Waits until the app has nothing left to do.
 *
 * @module
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Activity } from './activity.ts';
import type { QueueListener } from './listen-to-queue.ts';

/** Time between two looks at the queues, in ms. */
const LOOK_MS = 50;

/**
 * Resolves when all queues are empty and nothing is under way.
 *
 * A message moves from queue to queue only while something is under way. So the counts of different moments can be put together if nothing was under way
 * before the first, nothing is after the last, and nothing has begun between them.
 *
 * @param stopping - Ends the waiting with an error.
 */
export async function waitUntilDrained(activity: Activity, listeners: readonly QueueListener[], stopping: AbortSignal): Promise<void> {
  for (;;) {
    if (stopping.aborted) {
      throw new Error('the host was stopped before its queues were empty');
    }
    const begunBefore = activity.begun;
    if (activity.underWay === 0) {
      const counts = await Promise.all(listeners.map((listener) => listener.countMessages()));
      if (counts.every((count) => count === 0) && activity.underWay === 0 && activity.begun === begunBefore) {
        return;
      }
    }
    await wait(LOOK_MS);
  }
}
