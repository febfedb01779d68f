/**
 * What an error of Azure Storage means: the few answers that the pipeline acts on; all others are left to the host's next try.
 *
 * @module
 */

import { TransientError } from '../errors.ts';
import { limits } from '../limits.ts';

/** HTTP status of a storage error, or undefined for anything else (a network error, for example). */
export function storageStatus(error: unknown): number | undefined {
  const status: unknown = typeof error === 'object' && error !== null && 'statusCode' in error ? error.statusCode : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** Somebody was there first: the row or blob exists already, or a condition no longer holds. */
export function isConflict(error: unknown): boolean {
  const status = storageStatus(error);
  return status === 409 || status === 412;
}

/** The row, blob, queue or container is not there. */
export function isMissing(error: unknown): boolean {
  return storageStatus(error) === 404;
}

/** @returns the answer. @throws TransientError in place of the clients' own word for a request that was given up. */
export async function unanswered<Answer>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    throw new TransientError(`Azure Storage did not answer within ${limits.storageMs / 1000} s.`, { cause: error });
  }
}
