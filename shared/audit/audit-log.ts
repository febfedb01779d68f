/**
 * The audit log: an append blob for each day, written before a state change is, so that nothing happens that it does not tell of.
 *
 * @module
 */
import type { AppendBlobClient, ContainerClient } from '@azure/storage-blob';
import { isConflict, isMissing } from '../storage/storage-errors.ts';
import { chainLine, emptyChain, headOfLine, verifyChain, type AuditEvent, type BrokenLink, type ChainHead } from './audit-chain.ts';

/** Writes one event; resolves with its place in the chain when it is in storage. */
export type RecordEvent = (event: AuditEvent) => Promise<ChainHead>;

/** Azure takes 50,000 blocks in one append blob; each block holds what came together. */
const BLOCKS_PER_BLOB = 49_000;
/** Azure takes blocks of up to 4 MiB of append blobs. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** Longer than any line: the last one is found in this much of the end of a blob. */
const TAIL_BYTES = 256 * 1024;
/** Other instances write between our reading the end and our writing to it; each loss costs one reading. */
const TRIES = 50;

/** Where the log ends. */
interface End {
  readonly blob: AppendBlobClient;
  readonly name: string;
  readonly bytes: number;
  readonly blocks: number;
  readonly head: ChainHead;
}

interface Waiting {
  readonly event: AuditEvent;
  resolve(head: ChainHead): void;
  reject(error: unknown): void;
}

/** What {@link createAuditLog} gives. */
export interface AuditLog {
  readonly record: RecordEvent;
  /**
   * Follows the whole chain.
   *
   * @param checkpoints - Heads noted elsewhere, so that lines cut off at the end are found too.
   */
  verify(checkpoints?: readonly ChainHead[]): Promise<{ readonly lines: number; readonly broken?: BrokenLink }>;
  /** All lines, oldest first, streamed. */
  lines(): AsyncGenerator<{ readonly blob: string; readonly line: number; readonly text: string }>;
}

/**
 * Opens the log of one archiver.
 *
 * Events that come while a write is under way are written together: at 100 items a second a write of its own for each would be more
 * than an append blob takes.
 *
 * @param container - The container `audit`.
 */
export function createAuditLog(container: ContainerClient, archiverId: string, now: () => Date): AuditLog {
  const waiting: Waiting[] = [];
  let writing = false;
  let end: End | undefined;

  const nameOf = (day: string, part: number) => `${archiverId}/${day}.${String(part).padStart(4, '0')}.jsonl`;

  const lastBlob = async (): Promise<string | undefined> => {
    let last: string | undefined;
    // Names sort by time; a blob a day makes this one request in ten years.
    for await (const blob of container.listBlobsFlat({ prefix: `${archiverId}/` })) last = blob.name;
    return last;
  };

  const readEnd = async (name: string): Promise<End> => {
    const blob = container.getAppendBlobClient(name);
    const properties = await blob.getProperties();
    const bytes = properties.contentLength ?? 0;
    const blocks = properties.blobCommittedBlockCount ?? 0;
    if (bytes === 0) {
      // Made by an instance that has not written to it yet: it carries the head of the blob before it.
      const { sequence, hash } = properties.metadata ?? {};
      return { blob, name, bytes, blocks, head: { sequence: Number(sequence ?? 0), hash: hash ?? emptyChain.hash } };
    }
    const tail = await blob.downloadToBuffer(Math.max(0, bytes - TAIL_BYTES));
    const text = tail.toString('utf8').trimEnd();
    return { blob, name, bytes, blocks, head: headOfLine(text.slice(text.lastIndexOf('\n') + 1)) };
  };

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

  const currentEnd = async (): Promise<End> => {
    const day = now().toISOString().slice(0, 10);
    if (end === undefined) {
      const last = await lastBlob();
      if (last === undefined) return begin(nameOf(day, 1), emptyChain);
      end = await readEnd(last);
    }
    // A clock that was set back does not open an earlier day again: the chain has one direction.
    if (end.name < `${archiverId}/${day}`) return begin(nameOf(day, 1), end.head);
    if (end.blocks >= BLOCKS_PER_BLOB) {
      const [, name = '', part = '1'] = /\/(.+)\.(\d+)\.jsonl$/.exec(end.name) ?? [];
      return begin(nameOf(name, Number(part) + 1), end.head);
    }
    return end;
  };

  /** @returns the place of each line. */
  const write = async (batch: readonly Waiting[]): Promise<readonly ChainHead[]> => {
    let mine: readonly ChainHead[] = [];
    for (let tries = 0; ; tries += 1) {
      const from = await currentEnd();
      // The client repeats an append after a lost answer, and so do we: then the log ends with our own last line.
      if (mine.at(-1)?.hash === from.head.hash) return mine;
      let { head } = from;
      const lines: string[] = [];
      const heads: ChainHead[] = [];
      for (const { event } of batch) {
        const next = chainLine(head, now().toISOString(), event);
        lines.push(next.line);
        head = next.head;
        heads.push(head);
      }
      const bytes = Buffer.from(`${lines.join('\n')}\n`);
      mine = heads;
      try {
        await from.blob.appendBlock(bytes, bytes.byteLength, { conditions: { appendPosition: from.bytes } });
        end = { ...from, bytes: from.bytes + bytes.byteLength, blocks: from.blocks + 1, head };
        return heads;
      } catch (error) {
        end = undefined;
        if (tries === TRIES || !(isConflict(error) || isMissing(error))) throw error;
      }
    }
  };

  const takeBatch = (): Waiting[] => {
    let bytes = 0;
    const count = waiting.findIndex(({ event }) => (bytes += JSON.stringify(event).length * 3 + 512) > BLOCK_BYTES);
    return waiting.splice(0, count === -1 ? waiting.length : Math.max(count, 1));
  };

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = takeBatch();
      try {
        const heads = await write(batch);
        for (const [index, { resolve }] of batch.entries()) resolve(heads[index] ?? emptyChain);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    writing = false;
  };

  async function* lines() {
    for await (const { name } of container.listBlobsFlat({ prefix: `${archiverId}/` })) {
      const response = await container.getAppendBlobClient(name).download();
      let rest = '';
      let line = 0;
      for await (const chunk of response.readableStreamBody?.setEncoding('utf8') ?? []) {
        const texts = (rest + String(chunk)).split('\n');
        rest = texts.pop() ?? '';
        for (const text of texts) yield { blob: name, line: (line += 1), text };
      }
      if (rest !== '') yield { blob: name, line: line + 1, text: rest };
    }
  }

  return {
    record: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve, reject });
        if (writing) return;
        writing = true;
        // What is recorded in the same turn of the event loop goes into the same block.
        setImmediate(() => void writeAll());
      }),
    lines,
    verify: (checkpoints) => verifyChain(lines(), checkpoints),
  };
}
