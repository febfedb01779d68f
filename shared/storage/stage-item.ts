/**
 * Streams one item into blob storage, where it is kept as it came, for good.
 *
 * @module
 */
import { createHash, randomUUID } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readBlob } from './read-blob.ts';
import { isMissing, judgeStorage } from './storage-errors.ts';

/** What is known of a staged item. */
export interface StagedBytes {
  /** In bytes. */
  readonly size: number;
  /** Of the raw item, lower-case hex. */
  readonly sha256: string;
}

/** Where an item's bytes are in the container `items`: a folder per run, so that a day can be listed and handed over. */
export function stagedBlobName(item: { readonly runId: string; readonly itemKey: string }): string {
  return `${item.runId}/${item.itemKey}.eml`;
}

/**
 * Writes the bytes once, in blocks, without holding the item. The blob appears only when the whole stream has been read, and never
 * replaces one that is there: the first copy is the evidence, and a second download of the same item ends with the first one's facts.
 *
 * @param content - Throws where the transfer was broken; then nothing is written.
 * @param blockBytes - Bytes held in memory at most.
 * @throws what `content` throws; PermanentError (`staged-bytes-altered`) where a blob is there that this app has not written; the errors of storage.
 */
export async function stageItem(
  container: ContainerClient,
  name: string,
  content: AsyncIterable<Uint8Array>,
  blockBytes: number = limits.stagingBlockBytes,
): Promise<StagedBytes> {
  const blob = container.getBlockBlobClient(name);
  const hash = createHash('sha256');
  const blockIds: string[] = [];
  // Of two transfers of one item at one time each has blocks of its own: otherwise one could commit a block of the other.
  const writer = randomUUID();
  let block: Uint8Array[] = [];
  let blockSize = 0;
  let size = 0;

  const stageBlock = async () => {
    // Block ids of one blob must have one length. What a crash leaves of them goes with the next commit, or after a week.
    const id = Buffer.from(`${writer}-${String(blockIds.length).padStart(8, '0')}`).toString('base64');
    await blob.stageBlock(id, Buffer.concat(block, blockSize), blockSize);
    blockIds.push(id);
    block = [];
    blockSize = 0;
  };

  for await (const chunk of content) {
    hash.update(chunk);
    size += chunk.byteLength;
    for (let offset = 0; offset < chunk.byteLength;) {
      const piece = chunk.subarray(offset, offset + blockBytes - blockSize);
      block.push(piece);
      blockSize += piece.byteLength;
      offset += piece.byteLength;
      if (blockSize === blockBytes) await stageBlock();
    }
  }

  const sha256 = hash.digest('hex');
  const options = {
    conditions: { ifNoneMatch: '*' },
    metadata: { sha256 },
    blobHTTPHeaders: { blobContentType: 'message/rfc822' },
  };
  try {
    if (blockIds.length === 0) {
      await blob.upload(Buffer.concat(block, blockSize), blockSize, options);
    } else {
      if (blockSize > 0) await stageBlock();
      await blob.commitBlockList(blockIds, options);
    }
    return { size, sha256 };
  } catch (error) {
    // 400: the commit of another transfer has thrown our blocks away.
    if (!['conflict', 'overtaken'].includes(judgeStorage(error))) throw error;
    const first = await findStaged(container, name);
    if (first === undefined) throw error;
    return first;
  }
}

/** What is known of an item that may be staged already; undefined where it is not. @throws PermanentError (`staged-bytes-altered`). */
export async function findStaged(container: ContainerClient, name: string): Promise<StagedBytes | undefined> {
  try {
    return await stagedBytes(container, name);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function stagedBytes(container: ContainerClient, name: string): Promise<StagedBytes> {
  const properties = await container.getBlobClient(name).getProperties();
  const sha256 = properties.metadata?.['sha256'];
  if (sha256 === undefined || properties.contentLength === undefined) {
    throw new PermanentError('staged-bytes-altered', `The blob ${name} in the container items was not written by this app.`);
  }
  return { size: properties.contentLength, sha256 };
}

/**
 * Reads a staged item whole.
 *
 * @param expected - What the ledger says of it.
 * @throws PermanentError (`staged-bytes-missing`, `staged-bytes-altered`).
 */
export async function readStagedItem(container: ContainerClient, name: string, expected: StagedBytes): Promise<Buffer> {
  const bytes = await readStagedHead(container, name, expected.size);
  if (bytes.byteLength !== expected.size || createHash('sha256').update(bytes).digest('hex') !== expected.sha256) {
    throw new PermanentError('staged-bytes-altered', `The blob ${name} in the container items is not what was downloaded.`);
  }
  return bytes;
}

/**
 * Reads the first bytes of a staged item.
 *
 * @param length - In bytes, at most.
 * @throws PermanentError (`staged-bytes-missing`).
 */
export async function readStagedHead(container: ContainerClient, name: string, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  try {
    return (await readBlob(container.getBlobClient(name), { count: length })).bytes;
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new PermanentError('staged-bytes-missing', `The blob ${name} is no longer in the container items.`, { cause: error });
  }
}
