/**
 * Which of the product's limits the TeleMessage client uses; tests give it shorter times.
 *
 * @module
 */
import { limits } from '../limits.ts';

const NAMES = ['requestMs', 'downloadIdleMs', 'listPageBytes', 'listPageItems', 'retryAfterMs', 'retryAfterDefaultMs'] as const;

/** The limits of the TeleMessage client, named and explained in `shared/limits.ts`. Times in ms, sizes in bytes. */
export type SourceLimits = { readonly [name in (typeof NAMES)[number]]: number };

/**
 * The limits of the source, with those that a test has changed.
 *
 * @param given - Limits that differ from the product's.
 * @returns the product's limits with those laid over them.
 */
export function withSourceLimits(given: Partial<SourceLimits> = {}): SourceLimits {
  return { ...limits, ...given };
}
