/**
 * Which items are traced: all on an ordinary day, a steady part of them in a flood.
 *
 * @module
 */

/** Items traced at once before the rate counts: the day of a small tenant is traced whole. */
const BURST = 100;

/**
 * Items traced in a second and process after that. A million items a day would make two million spans, about 2 GB; ten instances that drain them for
 * three hours make a tenth of that at this rate.
 */
const RATE = 1;

/**
 * Says which items are traced, so that a flood of them does not become a flood of spans.
 *
 * @param clock - In ms, never going back.
 * @returns whether the next item is traced.
 */
export function limitTraces(clock: () => number): () => boolean {
  let left = BURST;
  let filledAt = clock();
  return () => {
    const now = clock();
    left = Math.min(BURST, left + ((now - filledAt) / 1000) * RATE);
    filledAt = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}
