/**
 * The custom mapping in force: read from its blob, read again when its ETag changes, and the last good one kept when a new one is refused.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { BlobClient, BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import type { CountryCode } from 'libphonenumber-js/min';
import type { RecordEvent } from '../audit/audit-log.ts';
import { RetryAfterError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Log } from '../pipeline/pipeline.ts';
import { readBlob } from '../storage/read-blob.ts';
import { isMissing, judgeStorage } from '../storage/storage-errors.ts';
import { MappingFileError } from './mapping-file-error.ts';
import { parseMappingFile, type MappingTable } from './parse-mapping-file.ts';

/** How long items wait when the only mapping there ever was is refused, in ms. */
const REFUSED_WAIT_MS = 5 * 60_000;

/** Problems of a refused file that go into the log, each with its line. */
const LOGGED_PROBLEMS = 20;

/** What the mapping is read from. */
export interface MappingSourceOptions {
  /** The container `config`, which the app only reads. */
  readonly container: ContainerClient;
  /** Where the last accepted file is kept, so that a restart does not lose it. */
  readonly lastGood: BlockBlobClient;
  /** Name of the blob in it, or empty where custom mapping is off. */
  readonly blobName: string;
  readonly defaultCountry: CountryCode | undefined;
  readonly log: Log;
  /** Told of every change of the mapping before it is made: who may map numbers may say whose mailbox gets what. */
  readonly record: RecordEvent;
  /** Time in ms. */
  readonly now: () => number;
}

/** A mapping, and which version of the file it is. */
export type MappingInForce = MappingTable & { readonly version: string };

/**
 * Makes the function that gives the mapping in force, or undefined where there is none (no file).
 *
 * It throws a RetryAfterError where a file is there, is refused, and no earlier one was ever accepted: mapping by address alone could
 * then put an item into a mailbox that the file was meant to keep it from.
 */
export function createMappingSource(options: MappingSourceOptions): () => Promise<MappingInForce | undefined> {
  const { container, lastGood, blobName, defaultCountry, log, record, now } = options;
  let table: MappingInForce | undefined;
  let etag: string | undefined;
  let refused = false;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  const download = (blob: BlobClient, ifNoneMatch?: string) =>
    readBlob(blob, { count: limits.mappingBytes + 1, ...(ifNoneMatch === undefined ? {} : { conditions: { ifNoneMatch } }) });

  const useLastGood = async (): Promise<void> => {
    if (table !== undefined) return;
    try {
      table = read(await download(lastGood));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  };

  const read = ({ bytes }: { readonly bytes: Buffer }): MappingInForce => ({
    ...parseMappingFile(bytes, parseOptions),
    version: createHash('sha256').update(bytes).digest('hex'),
  });

  const parseOptions = defaultCountry === undefined ? {} : { defaultCountry };

  const keptVersion = async (): Promise<string | undefined> => {
    try {
      return (await lastGood.getProperties()).metadata?.['version'];
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  };

  const accept = async (bytes: Buffer): Promise<void> => {
    try {
      const accepted = read({ bytes });
      const { version, rows } = accepted;
      // Each instance reads the file; the first one that does changes what is kept.
      if ((await keptVersion()) !== version) {
        await record({ event: 'mapping.accepted', version, rows });
        await lastGood.upload(bytes, bytes.byteLength, { metadata: { version } });
      }
      [table, refused] = [accepted, false];
      log.info('mapping.accepted', { rows });
    } catch (error) {
      if (!(error instanceof MappingFileError)) throw error;
      for (const { line, problem } of error.problems.slice(0, LOGGED_PROBLEMS)) log.error('mapping.refused', { line, problem });
      await useLastGood();
      refused = table === undefined;
    }
  };

  const check = async (): Promise<void> => {
    try {
      const file = await download(container.getBlobClient(blobName), etag);
      await accept(file.bytes);
      // Only now: a failure above is tried again.
      etag = file.etag;
    } catch (error) {
      if (judgeStorage(error) === 'unchanged') return;
      if (!isMissing(error)) throw error;
      if (etag !== undefined || table !== undefined) {
        log.info('mapping.removed');
        await record({ event: 'mapping.removed', version: table?.version });
      }
      [table, etag, refused] = [undefined, undefined, false];
      await lastGood.deleteIfExists();
    }
  };

  return async () => {
    if (blobName === '') return undefined;
    if (now() - checkedAt >= limits.mappingFreshMs) {
      checking ??= check()
        .then(() => {
          checkedAt = now();
        })
        .finally(() => {
          checking = undefined;
        });
      await checking;
    }
    if (refused) {
      throw new RetryAfterError(
        REFUSED_WAIT_MS,
        `The mapping file ${blobName} is refused and none was accepted before; the log names its lines.`,
      );
    }
    return table;
  };
}
