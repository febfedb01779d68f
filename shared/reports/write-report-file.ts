/**
 * Writes one file of a report in blocks, so that it may be of any length; the file appears only when it is whole, and replaces none.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { limits } from '../limits.ts';
import { isMissing, judgeStorage } from '../storage/storage-errors.ts';

/** What the file says: JSON or CSV. */
export type ReportType = 'json' | 'csv';

/** Content types of the files. */
export const contentTypes = { json: 'application/json; charset=utf-8', csv: 'text/csv; charset=utf-8' } as const;

/** A file under way. */
export interface ReportFile {
  /** Adds text. */
  write(text: string): Promise<void>;
  /**
   * Makes the file appear.
   *
   * @returns false where there is one of that name already; it stays as it is.
   */
  commit(): Promise<boolean>;
}

/**
 * Makes a blob of its staged blocks.
 *
 * @param blockIds - In the order of the file.
 * @returns false where there is a blob of that name already.
 */
export async function commitFile(
  blob: BlockBlobClient,
  blockIds: readonly string[],
  type: ReportType,
  metadata: Readonly<Record<string, string>>,
): Promise<boolean> {
  try {
    await blob.commitBlockList([...blockIds], {
      conditions: { ifNoneMatch: '*' },
      metadata,
      blobHTTPHeaders: { blobContentType: contentTypes[type] },
    });
    return true;
  } catch (error) {
    // 400: somebody else's commit has thrown our blocks away.
    if (!['conflict', 'overtaken'].includes(judgeStorage(error))) throw error;
    if (!(await blob.exists())) throw error;
    return false;
  }
}

/** Metadata of a blob, or undefined where there is none of that name. */
export async function metadataOf(container: ContainerClient, name: string): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    return (await container.getBlobClient(name).getProperties()).metadata ?? {};
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Opens a file.
 *
 * @param blockBytes - Held in memory at most.
 */
export function openReportFile(
  container: ContainerClient,
  name: string,
  type: ReportType,
  metadata: Readonly<Record<string, string>>,
  blockBytes: number = limits.stagingBlockBytes,
): ReportFile {
  const blob = container.getBlockBlobClient(name);
  // Of two writers of one name each has blocks of its own: otherwise the file of one could hold a block of the other.
  const writer = randomUUID();
  const blockIds: string[] = [];
  let texts: string[] = [];
  let size = 0;

  const stage = async () => {
    if (size === 0) return;
    const id = Buffer.from(`${writer}-${String(blockIds.length).padStart(6, '0')}`).toString('base64');
    const bytes = Buffer.from(texts.join(''));
    texts = [];
    size = 0;
    await blob.stageBlock(id, bytes, bytes.byteLength);
    blockIds.push(id);
  };

  return {
    async write(text) {
      texts.push(text);
      size += Buffer.byteLength(text);
      if (size >= blockBytes) await stage();
    },
    async commit() {
      await stage();
      return commitFile(blob, blockIds, type, metadata);
    },
  };
}
