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

/**
 * What a failed request to storage says: it is not there; somebody was first; it is as it was; what is asked for lies beyond its end; the
 * blocks or the receipt were used up by somebody else; or nothing more than that another try is due.
 */
export type StorageVerdict = 'missing' | 'conflict' | 'unchanged' | 'beyond-end' | 'overtaken' | 'again';

/** Source: Azure Storage, "Status and error codes" of blobs, queues and tables. */
const VERDICTS: ReadonlyMap<number | undefined, StorageVerdict> = new Map([
  [304, 'unchanged'],
  // A list of blocks that another commit has used up, or a receipt of a message that somebody else has received since.
  [400, 'overtaken'],
  [404, 'missing'],
  [409, 'conflict'],
  [412, 'conflict'],
  [416, 'beyond-end'],
]);

/** Judges one answer. @param status - HTTP status, or undefined where no answer came. */
export function judgeStorageStatus(status: number | undefined): StorageVerdict {
  return VERDICTS.get(status) ?? 'again';
}

/** Judges an error. Only the few requests that can go on after it look at it; all others leave it to the host's next try. */
export function judgeStorage(error: unknown): StorageVerdict {
  return judgeStorageStatus(storageStatus(error));
}

/** Somebody was there first: the row or blob exists already, or a condition no longer holds. */
export function isConflict(error: unknown): boolean {
  return judgeStorage(error) === 'conflict';
}

/** The row, blob, queue or container is not there. */
export function isMissing(error: unknown): boolean {
  return judgeStorage(error) === 'missing';
}

/**
 * Waits for a request that may be given up.
 *
 * @returns the answer.
 * @throws TransientError in place of the clients' own word for a request that was given up.
 */
export async function unanswered<Answer>(request: Promise<Answer>): Promise<Answer> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    throw new TransientError(`Azure Storage did not answer within ${limits.storageMs / 1000} s.`, { cause: error });
  }
}
