/**
 * How far a reconciliation has got: a small blob beside the reports, written after each step.
 *
 * @module
 */
import { z } from 'zod';
import { readBlob } from '../storage/read-blob.ts';
import { isConflict, isMissing } from '../storage/storage-errors.ts';
import type { Pipeline } from './pipeline.ts';

const count = z.int().min(0);
const stateSchema = z.object({
  runId: z.string(),
  /** Counts up by one for each reconciliation of the run. */
  number: count,
  /** Name of the report that it ends in (JSON; a CSV file is beside it). */
  report: z.string(),
  startedAt: z.string(),
  finishedAt: z.string().optional(),
  /** What is checked already: the items before this shard, and those in it up to this key. */
  shard: count,
  after: z.string(),
  counts: z.object({ items: count, pending: count, rawItems: count, rawItemsIntact: count, copies: count, copiesIntact: count }),
  problems: count,
  problemKinds: z.record(z.string(), count),
  /** Steps done, and those that staged a block of the report. */
  step: count,
  blocks: z.array(count),
  /** Calls that got nowhere, and the time before which another one is of no use. */
  stalls: count,
  notBefore: z.string(),
});

/** A reconciliation, under way or finished. */
export type Reconciliation = z.output<typeof stateSchema>;

/** A reconciliation as it was read, with its version. */
export interface StoredReconciliation {
  readonly state: Reconciliation;
  readonly etag: string;
}

type Storing = Pick<Pipeline, 'storage' | 'archiver'>;

const PREFIX = 'reconciliations/';
const blobOf = ({ storage }: Storing, runId: string) => storage.containers.reports.getBlockBlobClient(`${PREFIX}${runId}.json`);

/** Reads the last reconciliation of a run, or undefined where there was none. */
export async function readState(pipeline: Storing, runId: string): Promise<StoredReconciliation | undefined> {
  try {
    const { bytes, etag = '' } = await readBlob(blobOf(pipeline, runId));
    return { state: stateSchema.parse(JSON.parse(bytes.toString())), etag };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Writes the state.
 *
 * @param etag - Of the state that was read; absent where there was none.
 * @returns the new version, or undefined where somebody else has written since.
 */
export async function writeState(pipeline: Storing, state: Reconciliation, etag: string | undefined): Promise<string | undefined> {
  const text = JSON.stringify(state);
  try {
    const { etag: written } = await blobOf(pipeline, state.runId).upload(text, Buffer.byteLength(text), {
      conditions: etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: etag },
      metadata: state.finishedAt === undefined ? {} : { finished: 'true' },
    });
    return written;
  } catch (error) {
    if (isConflict(error)) return undefined;
    throw error;
  }
}

/** Ids of the runs whose reconciliation is under way. */
export async function openReconciliations({ storage, archiver }: Storing): Promise<string[]> {
  const runIds: string[] = [];
  const options = { prefix: `${PREFIX}${archiver.id}-`, includeMetadata: true };
  for await (const { name, metadata } of storage.containers.reports.listBlobsFlat(options)) {
    if (metadata?.['finished'] !== 'true') runIds.push(name.slice(PREFIX.length, -'.json'.length));
  }
  return runIds;
}
