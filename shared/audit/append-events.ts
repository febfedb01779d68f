/**
 * Appends events to the audit log: what comes together in one block, and after what other instances have appended.
 *
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import { TransientError } from '../errors.ts';
import { limits } from '../limits.ts';
import { isConflict, isMissing } from '../storage/storage-errors.ts';
import { chainLine, type AuditEvent, type ChainHead } from './audit-chain.ts';
import { CONTINUED } from './last-line.ts';
import type { End, LogEnd } from './log-end.ts';
import { createTurns } from './take-turns.ts';

/** Writes one event; resolves with its place in the chain when it is in storage. */
export type RecordEvent = (event: AuditEvent) => Promise<ChainHead>;

/** Azure takes blocks of up to 4 MiB of append blobs. */
const BLOCK_BYTES = 4 * 1024 * 1024;

interface Waiting {
  readonly event: AuditEvent;
  /** By the clock of the machine, in ms. */
  readonly since: number;
  resolve(head: ChainHead): void;
  reject(error: unknown): void;
}

/** What one request appends. */
interface Block {
  readonly bytes: Buffer;
  /** The place of each of its lines, and the last one's. */
  readonly heads: readonly ChainHead[];
  readonly head: ChainHead;
  /** The events in it: the first ones of those that wait. */
  readonly count: number;
  /** The blob that it closes this one for. */
  readonly next?: string;
}

/**
 * Makes the function that records.
 *
 * Events that come while a write is under way are written together: at 100 items a second a write of its own for each would be more
 * than an append blob takes.
 *
 * @param random - Gives numbers from 0 to below 1: how long this instance waits for the others.
 */
export function createAppender({ find, follow, begin, nextName }: LogEnd, now: () => Date, random: () => number): RecordEvent {
  const turns = createTurns(random, () => performance.now());
  const waiting: Waiting[] = [];
  let isWriting = false;
  let end: End | undefined;
  /** Was refused because the log has grown. By us, perhaps: storage clients repeat a request whose answer was lost. */
  let refused: Block | undefined;

  const settle = ({ heads, head, count }: Block) => {
    for (const [index, { resolve }] of waiting.splice(0, count).entries()) resolve(heads[index] ?? head);
  };
  const fail = (count: number, error: unknown) => {
    for (const { reject } of waiting.splice(0, count)) reject(error);
  };

  const batchSize = (): number => {
    let bytes = 0;
    const count = waiting.findIndex(({ event }) => (bytes += JSON.stringify(event).length * 3 + 512) > BLOCK_BYTES);
    return count === -1 ? waiting.length : Math.max(count, 1);
  };

  const makeBlock = (from: End, events: readonly AuditEvent[]): Omit<Block, 'count' | 'next'> => {
    let { head } = from;
    const lines: string[] = [];
    const heads: ChainHead[] = [];
    for (const event of events) {
      const made = chainLine(head, now().toISOString(), event);
      lines.push(made.line);
      head = made.head;
      heads.push(head);
    }
    return { bytes: Buffer.from(`${from.glue}${lines.join('\n')}\n`), heads, head };
  };

  const append = async (from: End, block: Block): Promise<void> => {
    const startedAt = performance.now();
    try {
      const { bytes, head, next } = block;
      const { blobCommittedBlockCount = from.blocks + 1 } = await from.blob.appendBlock(bytes, bytes.byteLength, {
        conditions: { appendPosition: from.bytes },
      });
      end = { ...from, bytes: from.bytes + bytes.byteLength, blocks: blobCommittedBlockCount, head, glue: '', next };
      turns.won(performance.now() - startedAt);
      settle(block);
    } catch (error) {
      if (isConflict(error)) refused = block;
      else if (isMissing(error)) end = undefined;
      else throw error;
      turns.lost(performance.now() - startedAt);
    }
  };

  /** @returns the end, as far as it can be known; undefined where it has to be looked for again. */
  const catchUp = async (known: End): Promise<End | undefined> => {
    const { appended, end: newer } = await follow(known);
    const block = refused;
    refused = undefined;
    if (block === undefined) return newer;
    // Refused, and yet nothing there: the blob is not what it was.
    if (appended.length === 0) return undefined;
    // It was to be the next block behind the end we knew, so it is, or it was not written.
    if (appended.subarray(0, block.bytes.length).equals(block.bytes)) settle(block);
    return newer;
  };

  const currentEnd = async (): Promise<End> => {
    try {
      if (end !== undefined && (refused !== undefined || turns.isContended)) end = await catchUp(end);
    } catch (error) {
      if (!isMissing(error)) throw error;
      refused = undefined;
      end = undefined;
    }
    end ??= await find();
    // Whoever finds a closed blob opens the next one, and whoever comes second finds it open.
    while (end.next !== undefined) end = await begin(end.next, end.head);
    return end;
  };

  const failLate = () => {
    // One that is alone is only slow: storage has a time limit of its own for each request.
    if (!turns.isContended) return;
    const late = waiting.filter(({ since }) => performance.now() - since > limits.auditTurnMs).length;
    if (late === 0) return;
    fail(late, new TransientError(`The audit log took no line of this instance within ${limits.auditTurnMs / 1000} s.`));
  };

  const writeAll = async (): Promise<void> => {
    while (waiting.length > 0) {
      const waitMs = turns.waitMs();
      if (waitMs > 0) await delay(waitMs);
      let count = batchSize();
      try {
        const from = await currentEnd();
        failLate();
        // What has come meanwhile goes along.
        count = batchSize();
        if (count === 0) break;
        const next = nextName(from);
        const events = next === undefined ? waiting.slice(0, count).map(({ event }) => event) : [{ event: CONTINUED, next }];
        await append(from, { ...makeBlock(from, events), ...(next === undefined ? { count } : { count: 0, next }) });
      } catch (error) {
        end = undefined;
        refused = undefined;
        fail(count, error);
      }
    }
    isWriting = false;
  };

  return (event) =>
    new Promise((resolve, reject) => {
      waiting.push({ event, since: performance.now(), resolve, reject });
      if (isWriting) return;
      isWriting = true;
      // What is recorded in the same turn of the event loop goes into the same block.
      setImmediate(() => void writeAll());
    });
}
