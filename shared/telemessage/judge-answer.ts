/**
 * Says what a status of TeleMessage other than 200 means for the pipeline: park, try again, or come back later.
 *
 * @module
 */
import { PermanentError, RetryAfterError, TransientError } from '../errors.ts';
import { parseRetryAfter } from '../retry-after.ts';
import type { SourceLimits } from './source-limits.ts';

/** The requests of the contract, in the words of the error messages. */
export const REQUESTS = {
  login: 'the sign-in',
  list: 'the request for a page of the list',
  content: "the request for an item's content",
} as const;

/** A key of {@link REQUESTS}. */
export type RequestKind = keyof typeof REQUESTS;

/** Too slow for the server (408) and too early (425): both of them ask for the same request again. */
const PASSING = new Set([408, 425]);

/**
 * Judges the status of an answer.
 *
 * @param retryAfter - The Retry-After header, null where there is none.
 * @param now - Retry-After may be a date.
 * @returns RetryAfterError for 429, 503 and any 5xx with a Retry-After; PermanentError for 404 of an item (`source-item-not-found`), for
 *   a redirect and every other 4xx (`source-refused`); TransientError for the rest. 401 is here a second one, with a token just given.
 */
export function judgeStatus(
  status: number,
  retryAfter: string | null,
  request: RequestKind,
  limits: Pick<SourceLimits, 'retryAfterMs' | 'retryAfterDefaultMs'>,
  now: Date,
): PermanentError | RetryAfterError | TransientError {
  const answered = `TeleMessage answered ${REQUESTS[request]} with ${status}`;
  if (status === 429 || status === 503 || (status >= 500 && retryAfter !== null)) {
    const askedMs = parseRetryAfter(retryAfter, now.getTime()) ?? limits.retryAfterDefaultMs;
    const delayMs = Math.min(askedMs, limits.retryAfterMs);
    return new RetryAfterError(delayMs, `${answered}; asked again after ${Math.ceil(delayMs / 1_000)} s.`);
  }
  if (status === 401) {
    return new TransientError(`${answered} although it had just signed us in.`);
  }
  if (status === 404 && request === 'content') {
    return new PermanentError('source-item-not-found', `${answered}: it does not have this item, or no longer.`);
  }
  if (status >= 300 && status < 400) {
    return new PermanentError('source-refused', `${answered}, a redirect, which is never followed. Check TELEMESSAGE_BASE_URL.`);
  }
  if (status >= 400 && status < 500 && !PASSING.has(status)) {
    return new PermanentError(
      'source-refused',
      `${answered}. Check TELEMESSAGE_BASE_URL, ARCHIVER and the rights of the TeleMessage account.`,
    );
  }
  return new TransientError(`${answered}.`);
}
