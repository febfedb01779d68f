/**
 * Shorter times and smaller parts, so that a day with faults takes seconds.
 *
 * @module
 */
import { limits } from '../../shared/limits.ts';

/** For an app whose clock the test moves. `createSettlesMs` stays: it passes on that clock. */
export function shortenRequests(): void {
  Object.assign(limits, {
    requestMs: 2_000,
    createMs: 2_000,
    downloadIdleMs: 2_000,
    // Longer than Azurite takes on a busy machine (6 s were not): Azure Storage does nothing any more when it is given up.
    storageMs: 15_000,
    leaseWaitMs: 3_000,
    listPageItems: 2,
    stagingBlockBytes: 1_000_000,
    inlineAttachmentBytes: 25_000,
    // Clocks jump by weeks here: a run for each day between would only cost time.
    runWindowMs: 60 * 86_400_000,
  } satisfies Partial<Record<keyof typeof limits, number>>);
}

/** For an app in a process of its own, on the real clock: a delivery in doubt is looked for after 4 s instead of 3 minutes. */
export function shortenWaits(): void {
  shortenRequests();
  Object.assign(limits, {
    createMs: 3_000,
    createSettlesMs: 4_000,
    inFlightCheckMs: 500,
    retryAfterDefaultMs: 1_000,
  } satisfies Partial<Record<keyof typeof limits, number>>);
}

const SHORTEST_MS = 300;
const LONGEST_MS = 30_000;

/**
 * The storage clients wait 1 s to 28 s between their tries and have no setting for it here: such delays pass 50 times faster. The times of
 * {@link shortenRequests} are not touched, because nothing that has to end sooner than they do is in that range.
 */
export function hurryRetries(): void {
  const wait = globalThis.setTimeout;
  const hurried = (work: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
    const isRetry =
      ms !== undefined &&
      ms >= SHORTEST_MS &&
      ms <= LONGEST_MS &&
      ![limits.requestMs, limits.downloadIdleMs, limits.storageMs].includes(ms);
    return wait(work, isRetry ? ms / 50 : ms, ...args);
  };
  Object.assign(globalThis, { setTimeout: Object.assign(hurried, wait) });
}
