/**
 * The audit log: an append blob for each day, written before a state change is, so that nothing happens that it does not tell of.
 *
 * @module
 */
import type { AppendBlobClient, ContainerClient } from '@azure/storage-blob';
import { readLines, type LogLine } from './read-lines.ts';
import { readBlob } from '../storage/read-blob.ts';
import { isConflict, isMissing } from '../storage/storage-errors.ts';
import { chainLine, emptyChain, headOfLine, verifyChain, type AuditEvent, type BrokenLink, type ChainHead } from './audit-chain.ts';

/** Writes one event; resolves with its place in the chain when it is in storage. */
export type RecordEvent = (event: AuditEvent) => Promise<ChainHead>;

/** Azure takes 50,000 blocks in one append blob; each block holds what came together. */
const BLOCKS_PER_BLOB = 49_000;
/** Azure takes blocks of up to 4 MiB of append blobs. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** The last line is looked for in this much of the end of a blob, then in 8 times as much: 1,500 deliveries make a line of some 375 KB. */
const TAIL_BYTES = 64 * 1024;
/** Other instances write between our reading the end and our writing to it; each loss costs one reading. */
const TRIES = 50;

/**
 * The last line of every blob but the newest: it names the blob in which the log goes on. Nobody appends behind it, so that an instance
 * that still has yesterday's date cannot add a line to a blob whose end another one has already taken over.
 */
const CONTINUED = 'log.continued';

/** Where the log ends. */
interface End {
  readonly blob: AppendBlobClient;
  readonly name: string;
  readonly bytes: number;
  readonly blocks: number;
  readonly head: ChainHead;
  /** The blob in which the log goes on, where this one is closed. */
  readonly next?: string | undefined;
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
  lines(): AsyncIterable<LogLine>;
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
  const prefix = `${archiverId}/`;
  const waiting: Waiting[] = [];
  let writing = false;
  let end: End | undefined;

  const nameOf = (day: string, part: number) => `${archiverId}/${day}.${String(part).padStart(4, '0')}.jsonl`;

  const lastBlob = async (): Promise<string | undefined> => {
    let last: string | undefined;
    // Names sort by time; a blob a day makes this one request in ten years.
    for await (const blob of container.listBlobsFlat({ prefix })) last = blob.name;
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
    let text = '';
    let start = -1;
    for (let length = TAIL_BYTES; start === -1; length *= 8) {
      text = (await readBlob(blob, { offset: Math.max(0, bytes - length) })).bytes.toString('utf8').trimEnd();
      start = text.lastIndexOf('\n') === -1 && length < bytes ? -1 : text.lastIndexOf('\n') + 1;
    }
    const line = text.slice(start);
    const { event, next } = JSON.parse(line) as { event: string; next?: string };
    return { blob, name, bytes, blocks, head: headOfLine(line), next: event === CONTINUED ? next : undefined };
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

  /** Where the log goes on after this blob; undefined where the blob is still the right one. */
  const nextName = ({ name, blocks }: End): string | undefined => {
    const day = now().toISOString().slice(0, 10);
    // A clock that was set back does not open an earlier day again: the chain has one direction.
    if (name < `${archiverId}/${day}`) return nameOf(day, 1);
    if (blocks < BLOCKS_PER_BLOB) return undefined;
    const [, of = '', part = '1'] = /\/(.+)\.(\d+)\.jsonl$/.exec(name) ?? [];
    return nameOf(of, Number(part) + 1);
  };

  const append = async (from: End, lines: readonly string[], after: Pick<End, 'head' | 'next'>): Promise<End> => {
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    try {
      await from.blob.appendBlock(bytes, bytes.byteLength, { conditions: { appendPosition: from.bytes } });
      end = { ...from, bytes: from.bytes + bytes.byteLength, blocks: from.blocks + 1, ...after };
      return end;
    } catch (error) {
      end = undefined;
      throw error;
    }
  };

  const currentEnd = async (): Promise<End> => {
    for (;;) {
      if (end === undefined) {
        const last = await lastBlob();
        end = last === undefined ? await begin(nameOf(now().toISOString().slice(0, 10), 1), emptyChain) : await readEnd(last);
      }
      // Whoever finds a closed blob opens the next one, and whoever comes second finds it open.
      if (end.next !== undefined) {
        end = await begin(end.next, end.head);
        continue;
      }
      const next = nextName(end);
      if (next === undefined) return end;
      const { line, head } = chainLine(end.head, now().toISOString(), { event: CONTINUED, next });
      await append(end, [line], { head, next });
    }
  };

  /** @returns the place of each line. */
  const write = async (batch: readonly Waiting[]): Promise<readonly ChainHead[]> => {
    let mine: readonly ChainHead[] = [];
    for (let tries = 0; ; tries += 1) {
      try {
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
        mine = heads;
        await append(from, lines, { head });
        return heads;
      } catch (error) {
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

  return {
    record: (event) =>
      new Promise((resolve, reject) => {
        waiting.push({ event, resolve, reject });
        if (writing) return;
        writing = true;
        // What is recorded in the same turn of the event loop goes into the same block.
        setImmediate(() => void writeAll());
      }),
    lines: () => readLines(container, prefix),
    verify: (checkpoints) => verifyChain(readLines(container, prefix), checkpoints),
  };
}
