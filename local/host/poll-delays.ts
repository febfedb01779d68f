/**
 * How long a queue is left alone after it was found empty.
 *
 * @module
 */

/** Delays between polls of one queue. */
export interface PollDelays {
  /** The delay after one more empty poll, in ms. */
  afterEmptyPoll(): number;
  /** Starts again from the shortest delay, because messages were found. */
  reset(): void;
}

/**
 * Makes delays that double with every empty poll, spread by ±20 % so that the pollers of many queues do not stay in step, up to a longest one. This is
 * the real host's curve (its RandomizedExponentialBackoffStrategy), there from 100 ms to `maxPollingInterval`.
 *
 * @param shortestMs - The delay after the first empty poll, in ms.
 * @param longestMs - The longest delay, in ms.
 * @param random - Gives numbers from 0 to under 1.
 */
export function createPollDelays(shortestMs: number, longestMs: number, random: () => number = Math.random): PollDelays {
  let emptyPolls = 0;
  let currentMs = 0;
  return {
    afterEmptyPoll() {
      if (currentMs < longestMs) {
        const growthMs = emptyPolls === 0 ? 0 : shortestMs * 2 ** (emptyPolls - 1) * (0.8 + 0.4 * random());
        currentMs = Math.min(shortestMs + growthMs, longestMs);
        emptyPolls += 1;
      }
      return currentMs;
    },
    reset() {
      emptyPolls = 0;
      currentMs = 0;
    },
  };
}
