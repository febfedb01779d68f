/**
 * The header Retry-After: seconds or an HTTP date, from anybody, so nothing in it is trusted.
 *
 * @module
 */
import { limits } from './limits.ts';

/**
 * Reads the header Retry-After.
 *
 * @param value - The header, or nothing.
 * @param now - Time in ms since 1970.
 * @returns the delay in ms, from one second to {@link limits.retryAfterMs}; undefined where the header says nothing usable.
 */
export function parseRetryAfter(value: string | null | undefined, now: number): number | undefined {
  const text = value?.trim() ?? '';
  const delayMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  if (Number.isNaN(delayMs)) return undefined;
  return Math.min(Math.max(delayMs, 1000), limits.retryAfterMs);
}
