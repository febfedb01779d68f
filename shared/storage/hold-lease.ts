/**
 * Work that only one instance may do at a time, guarded by a blob lease.
 *
 * @module
 */
import { setInterval, clearInterval } from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerClient } from '@azure/storage-blob';
import { TransientError } from '../errors.ts';
import { isConflict, isMissing, storageStatus } from './storage-errors.ts';

/** Seconds: the shortest that Azure takes. After a crash the next start waits no longer than this. */
const LEASE_SECONDS = 15;
const LEASE_MS = LEASE_SECONDS * 1000;

/**
 * Holds the lease while `work` runs.
 *
 * @param name - Blob of the lease; made when it is missing.
 * @param waitMs - How long to wait for a lease that another instance holds.
 * @param work - Gets a signal that is aborted when the lease was lost; everything it does must be safe to do twice all the same.
 * @returns what the work gives, or undefined where another instance holds the lease and keeps it.
 */
export async function holdLease<Result>(
  container: ContainerClient,
  name: string,
  waitMs: number,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result | undefined> {
  const blob = container.getBlockBlobClient(name);
  try {
    await blob.upload('', 0, { conditions: { ifNoneMatch: '*' } });
  } catch (error) {
    // 412: it is there and leased; 409: it is there.
    if (!isConflict(error)) throw error;
  }
  const lease = blob.getBlobLeaseClient();
  const deadline = Date.now() + waitMs;
  let heldSince: number;
  for (;;) {
    try {
      heldSince = performance.now();
      await lease.acquireLease(LEASE_SECONDS);
      break;
    } catch (error) {
      if (storageStatus(error) !== 409) throw error;
      if (Date.now() >= deadline) return undefined;
      await delay(500);
    }
  }
  const lost = new AbortController();
  const renew = async (): Promise<void> => {
    const asked = performance.now();
    if (asked - heldSince >= LEASE_MS) return lost.abort(new TransientError(`The lease ${name} could not be renewed in time.`));
    try {
      await lease.renewLease();
      heldSince = Math.max(heldSince, asked);
    } catch (error) {
      // Any other failure leaves the lease to us for as long as it lasts, and the next renewal may succeed.
      if (isConflict(error) || isMissing(error)) lost.abort(error);
    }
  };
  const renewal = setInterval(() => void renew(), LEASE_MS / 3);
  try {
    return await work(lost.signal);
  } finally {
    clearInterval(renewal);
    // A lease that cannot be given back ends by itself.
    await lease.releaseLease().catch(() => undefined);
  }
}
