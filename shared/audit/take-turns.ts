/**
 * Lets many writers of one blob take turns: each waits for a random part of a time that it has learnt from how often it came too late.
 *
 * @module
 */

/** A shorter wait would be no gap, however fast storage is. */
const SHORTEST_MS = 10;
/** Forty writers whose appends take 20 ms need 800 ms for a turn each; waits are half as long as this on average. */
const LONGEST_MS = 2_000;
/** Slowly: one who forgot at once would come first again and again. */
const SHRINK = 0.75;
/** Who has come too late within this time leaves gaps: others need one that is as long as a reading and an append. */
const REMEMBERED_MS = 10_000;

/** The turns of one writer. */
export interface Turns {
  /** Whether others have been writing lately. */
  readonly isContended: boolean;
  /** How long to wait before the next write, in ms. A writer that is alone never waits, nor does one that has not written for long. */
  waitMs(): number;
  /** The write was the next one. @param tookMs - How long it took. */
  won(tookMs: number): void;
  /** Somebody else's write was. @param tookMs - How long it took to be told so. */
  lost(tookMs: number): void;
}

/**
 * Makes the waits between two tries of an instance that others came before.
 *
 * @param random - Gives numbers from 0 to below 1.
 * @param clock - In ms, from anywhere; it never goes back.
 */
export function createTurns(random: () => number, clock: () => number): Turns {
  let windowMs = 0;
  let triedAt = 0;
  let lostAt = -Infinity;
  const gapMs = (tookMs: number) => Math.min(Math.max(2 * tookMs, SHORTEST_MS), LONGEST_MS);
  return {
    get isContended() {
      return windowMs > 0;
    },
    waitMs: () => Math.max(0, random() * windowMs - (clock() - triedAt)),
    won(tookMs) {
      triedAt = clock();
      windowMs = triedAt - lostAt > REMEMBERED_MS ? 0 : Math.max(windowMs * SHRINK, gapMs(tookMs));
    },
    lost(tookMs) {
      triedAt = clock();
      lostAt = triedAt;
      windowMs = Math.min(Math.max(windowMs * 2, gapMs(tookMs)), LONGEST_MS);
    },
  };
}
