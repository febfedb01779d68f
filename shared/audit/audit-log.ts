/**
 * The audit log: an append blob for each day, written before a state change is, so that nothing happens that it does not tell of.
 *
 * @module
 */
import type { ContainerClient } from '@azure/storage-blob';
import type { Log } from '../pipeline/pipeline.ts';
import { createAppender, type RecordEvent } from './append-events.ts';
import { createLogEnd } from './log-end.ts';
import { readLines, type LogLine } from './read-lines.ts';
import { createVerifier, type Verifier } from './verify-log.ts';

export type { RecordEvent };

/** What {@link createAuditLog} gives. */
export interface AuditLog extends Verifier {
  readonly record: RecordEvent;
  /** All lines, oldest first, streamed. */
  lines(): AsyncIterable<LogLine>;
}

/**
 * Opens the log of one archiver.
 *
 * @param container - The container `audit`.
 * @param log - Told when the end of the log is not what an archiver wrote.
 * @param random - Gives numbers from 0 to below 1: how long this instance waits for the others.
 */
export function createAuditLog(
  container: ContainerClient,
  archiverId: string,
  now: () => Date,
  log: Pick<Log, 'error'>,
  random: () => number = Math.random,
): AuditLog {
  const end = createLogEnd(container, archiverId, now, log);
  return {
    record: createAppender(end, now, random),
    lines: () => readLines(container, `${archiverId}/`),
    ...createVerifier(container, archiverId, end),
  };
}
