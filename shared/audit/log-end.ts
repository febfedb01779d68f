/**
 * Where the audit log ends: found anew, or by what was appended since it was last seen.
 *
 * @module
 */
import type { AppendBlobClient, ContainerClient } from '@azure/storage-blob';
import type { Log } from '../pipeline/pipeline.ts';
import { readBlob } from '../storage/read-blob.ts';
import { isConflict } from '../storage/storage-errors.ts';
import { emptyChain, type ChainHead } from './audit-chain.ts';
import { LINE_BREAK, readLastLine, type LastLine } from './last-line.ts';
import { isPastEnd } from './read-lines.ts';

/** Azure takes 50,000 blocks in one append blob; each block holds what came together. The rest is for instances that do not know yet. */
const BLOCKS_PER_BLOB = 49_000;
/** The last line is looked for in this much of the end of a blob, then in 8 times as much: 1,500 deliveries make a line of some 375 KB. */
const TAIL_BYTES = 64 * 1024;

/** Where the log ends. */
export interface End extends LastLine {
  readonly blob: AppendBlobClient;
  readonly name: string;
  readonly bytes: number;
  readonly blocks: number;
}

/** What {@link createLogEnd} gives. */
export type LogEnd = ReturnType<typeof createLogEnd>;

/** Finds the end of one archiver's log. @param container - The container `audit`. */
export function createLogEnd(container: ContainerClient, archiverId: string, now: () => Date, log: Pick<Log, 'error'>) {
  const today = () => now().toISOString().slice(0, 10);
  const nameOf = (day: string, part: number) => `${archiverId}/${day}.${String(part).padStart(4, '0')}.jsonl`;

  /** Reads where a blob ends. */
  const readEnd = async (name: string): Promise<End> => {
    const blob = container.getAppendBlobClient(name);
    const properties = await blob.getProperties();
    const size = properties.contentLength ?? 0;
    const place = { blob, name, blocks: properties.blobCommittedBlockCount ?? 0 };
    // Whoever makes a blob writes on it the head of the blob before it.
    const { sequence, hash } = properties.metadata ?? {};
    const before = { sequence: Number(sequence ?? 0), hash: hash ?? emptyChain.hash };
    if (size === 0) return { ...place, bytes: 0, head: before, glue: '' };
    for (let length = TAIL_BYTES; ; length *= 8) {
      const offset = Math.max(0, size - length);
      const { bytes } = await readBlob(blob, { offset });
      const last = readLastLine(name, bytes, offset === 0 ? before : undefined);
      if (last === undefined) continue;
      if (last.isForeign === true) log.error('audit.end-unreadable', { blob: name });
      return { ...place, bytes: offset + bytes.length, ...last };
    }
  };

  const bytesAfter = async ({ blob, bytes: offset }: End): Promise<Buffer> => {
    try {
      return (await readBlob(blob, { offset })).bytes;
    } catch (error) {
      if (isPastEnd(error)) return Buffer.alloc(0);
      throw error;
    }
  };

  /** Makes a blob that follows a head; one that is there already is left as it is. */
  const begin = async (name: string, head: ChainHead): Promise<End> => {
    try {
      await container
        .getAppendBlobClient(name)
        .create({ conditions: { ifNoneMatch: '*' }, metadata: { sequence: String(head.sequence), hash: head.hash } });
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    return readEnd(name);
  };

  return {
    begin,

    /** Looks for the newest blob, and makes the first one. */
    async find(): Promise<End> {
      let last: string | undefined;
      // Names sort by time; a blob a day makes this one request in ten years.
      for await (const { name } of container.listBlobsFlat({ prefix: `${archiverId}/` })) last = name;
      return last === undefined ? begin(nameOf(today(), 1), emptyChain) : readEnd(last);
    },

    /** The head before the first blob whose name is not before `name`. */
    async headBefore(name: string): Promise<ChainHead> {
      let last: string | undefined;
      for await (const blob of container.listBlobsFlat({ prefix: `${archiverId}/` })) {
        if (blob.name >= name) break;
        last = blob.name;
      }
      return last === undefined ? emptyChain : (await readEnd(last)).head;
    },

    /**
     * Reads what was appended since the end was seen. Forty instances that read no more than that keep up with each other.
     *
     * @returns the bytes, none where there are none, and the end after them.
     */
    async follow(end: End): Promise<{ readonly appended: Buffer; readonly end: End }> {
      const appended = await bytesAfter(end);
      if (appended.length === 0) return { appended, end };
      // Where somebody left a line without its end, these bytes may be more of that line.
      const last = end.glue === '' || appended[0] === LINE_BREAK ? readLastLine(end.name, appended, end.head) : undefined;
      // A line that is not ours is believed only when the blob is read anew.
      if (last === undefined || last.isForeign === true) return { appended, end: await readEnd(end.name) };
      return { appended, end: { ...end, bytes: end.bytes + appended.length, ...last } };
    },

    /** Where the log goes on after this blob; undefined where the blob is still the right one. */
    nextName({ name, blocks }: End): string | undefined {
      // A clock that was set back does not open an earlier day again: the chain has one direction.
      if (name < `${archiverId}/${today()}`) return nameOf(today(), 1);
      if (blocks < BLOCKS_PER_BLOB) return undefined;
      const [, of = '', part = '1'] = /\/(.+)\.(\d+)\.jsonl$/.exec(name) ?? [];
      return nameOf(of, Number(part) + 1);
    },
  };
}
