/**
 * The ledger of runs: which windows of arrival have been listed, how far, and which are complete.
 *
 * @module
 */
import type { TableClient, TableEntityResult } from '@azure/data-tables';
import { insertRow, mergeRow, readRow, rowsOfPartition, type RowKey } from './rows.ts';
import type { ChainHead } from '../audit/audit-chain.ts';
import type { KeptHead } from '../audit/verify-log.ts';
import type { RecordEvent } from '../audit/audit-log.ts';
import type { RunCounts } from '../pipeline/count-run.ts';

/** The row of the table `runs` that is no run: the end of the audit log. */
const AUDIT_HEAD = 'audit-head';

/** A row of the table `runs`. */
export interface RunRow {
  runId: string;
  /** Counts up by one, in the order in which runs are begun. */
  number: number;
  archiverId: string;
  /** Window of arrival, half-open, ISO UTC. */
  from: string;
  to: string;
  startedAt: string;
  /** Page to list next; empty for the first page. */
  cursor: string;
  /** What the source's clock said at the first page, ISO, where the window ends later: what arrived since was not there to be listed. */
  seenUntil?: string;
  /** Entries of the listing in the pages before the cursor. */
  position: number;
  /** Items of this run, and items of earlier runs seen again, in those pages. */
  listed: number;
  relisted: number;
  /** When the last page was enqueued. */
  listedAt?: string;
  /** When every item had ended and the books balanced. */
  completedAt?: string;
  /** {@link RunCounts} at completion, JSON. */
  counts?: string;
  /** An item came back after completion; the watermark does not move back for it. */
  recount?: boolean;
  /** Where the audit log had got to: a checkpoint that is kept apart from it. */
  auditSequence?: number;
  auditHash?: string;
}

/** A row as it was read, with its version. */
export type StoredRun = TableEntityResult<RunRow>;

/** A window that has to be listed. */
export interface PlannedRun {
  readonly number: number;
  readonly from: Date;
  readonly to: Date;
}

/**
 * Which windows come next: one for each day since the last one, so that missed days are caught up in order and each has its own books.
 *
 * The last window is that of the last run that was begun in the past. Runs that seem to have been begun in the future were listed under a
 * clock that ran ahead, before the items of their windows had arrived, so they do not count.
 *
 * @param overlapMs - How much of the time before each window is listed again, for items that the source shows late.
 * @param dayMs - Length of a window, and of the very first one.
 */
export function planRuns(
  runs: readonly Pick<RunRow, 'number' | 'to' | 'startedAt'>[],
  now: Date,
  overlapMs: number,
  dayMs: number,
): readonly PlannedRun[] {
  const byNumber = runs.toSorted((one, other) => one.number - other.number);
  let number = (byNumber.at(-1)?.number ?? 0) + 1;
  const last = byNumber.findLast((run) => Date.parse(run.startedAt) <= now.getTime());
  if (last === undefined) return [{ number, from: new Date(now.getTime() - dayMs), to: now }];
  const planned: PlannedRun[] = [];
  for (let end = Date.parse(last.to); end < now.getTime(); number += 1) {
    // A start that is late by less than half a day makes a longer window, not a second run of some minutes.
    const to = now.getTime() - end < 1.5 * dayMs ? now.getTime() : end + dayMs;
    planned.push({ number, from: new Date(end - overlapMs), to: new Date(to) });
    end = to;
  }
  return planned;
}

/**
 * Up to where everything is archived or parked.
 *
 * @returns ISO end of the last run before which all runs are complete, or undefined.
 */
export function watermark(runs: readonly Pick<RunRow, 'number' | 'to' | 'completedAt'>[]): string | undefined {
  const byNumber = runs.toSorted((one, other) => one.number - other.number);
  const incomplete = byNumber.findIndex((run) => run.completedAt === undefined);
  return (incomplete === -1 ? byNumber : byNumber.slice(0, incomplete)).at(-1)?.to;
}

/** Whether a run has items that may be under way: it is not complete yet, or one of them came back. */
export function isOpen(run: Pick<RunRow, 'completedAt' | 'recount'>): boolean {
  return run.completedAt === undefined || run.recount === true;
}

/** What {@link createRunLedger} gives. */
export type RunLedger = ReturnType<typeof createRunLedger>;

/**
 * Makes the ledger of runs.
 *
 * @param runs - Table of the runs, one partition an archiver.
 * @param record - Told of every change of what is so of a run, before it is made; not of the ledger's own marks (decision 010).
 */
export function createRunLedger(runs: TableClient, archiverId: string, now: () => Date, record: RecordEvent) {
  const keyOf = (runId: string): RowKey => ({ partitionKey: archiverId, rowKey: runId });
  return {
    /** All runs, the first one first. A run a day makes this two requests after five years. */
    async all(): Promise<StoredRun[]> {
      const rows: StoredRun[] = [];
      for await (const row of rowsOfPartition<RunRow>(runs, archiverId, { prefix: `${archiverId}-` })) rows.push(row);
      return rows;
    },

    /** The checkpoints of the audit log that are kept apart from it: one of each completed run, and the one that the sweep moves forward. */
    async auditCheckpoints(): Promise<ChainHead[]> {
      const kept = await this.auditHead();
      const ofRuns = (await this.all()).flatMap(({ auditSequence: sequence, auditHash: hash }) =>
        sequence === undefined || hash === undefined ? [] : [{ sequence, hash }],
      );
      return kept === undefined ? ofRuns : [...ofRuns, { sequence: kept.sequence, hash: kept.hash }];
    },

    /** The line up to which sweeps have followed the audit log. */
    auditHead: () => readRow<KeptHead>(runs, keyOf(AUDIT_HEAD)),

    /** Moves it forward, unless another sweep has moved it since. @param kept - As it was read; undefined where there was none. */
    async keepAuditHead({ sequence, hash, blob, line, start }: KeptHead, kept: TableEntityResult<KeptHead> | undefined): Promise<void> {
      const columns = { sequence, hash, blob, line, start };
      if (kept === undefined) await insertRow(runs, keyOf(AUDIT_HEAD), columns);
      else await mergeRow(runs, keyOf(AUDIT_HEAD), columns, kept.etag);
    },

    /** Begins a planned run. */
    async begin({ number, from, to }: PlannedRun): Promise<RunRow> {
      const runId = `${archiverId}-${String(number).padStart(6, '0')}`;
      const row: RunRow = {
        runId,
        number,
        archiverId,
        from: from.toISOString(),
        to: to.toISOString(),
        startedAt: now().toISOString(),
        cursor: '',
        position: 0,
        listed: 0,
        relisted: 0,
      };
      await record({ event: 'run.begun', runId, from: row.from, to: row.to });
      if ((await insertRow(runs, keyOf(runId), { ...row })) === undefined) {
        throw new Error(`Run ${runId} was begun by another instance at the same moment; the next start goes on with it.`);
      }
      return row;
    },

    /** The pages before `cursor` are recorded and enqueued. */
    async checkpoint(run: RunRow, progress: Pick<RunRow, 'cursor' | 'seenUntil' | 'position' | 'listed' | 'relisted'>): Promise<void> {
      await mergeRow(runs, keyOf(run.runId), { ...progress });
    },

    /** The last page is enqueued. @param progress - `to`: the end of the window as far as it could be listed. */
    async listed(run: RunRow, progress: Pick<RunRow, 'to' | 'position' | 'listed' | 'relisted'>): Promise<void> {
      await record({ event: 'run.listed', runId: run.runId, ...progress });
      await mergeRow(runs, keyOf(run.runId), { ...progress, listedAt: now().toISOString() });
    },

    /** An item of a run that may be complete is under way again: its books are made anew when it has ended. */
    async reopened(runId: string): Promise<void> {
      await record({ event: 'run.reopened', runId });
      await mergeRow(runs, keyOf(runId), { recount: true });
    },

    /** What was said of an item of the run has changed, whatever has become of the run meanwhile: its books are made anew. */
    async recount(runId: string): Promise<void> {
      await mergeRow(runs, keyOf(runId), { recount: true });
    },

    /**
     * Every item has ended and the books balance.
     *
     * @returns false where somebody else completed it first.
     */
    async completed(run: StoredRun, counts: RunCounts, at: Date): Promise<boolean> {
      const place = await record({ event: 'run.completed', runId: run.runId, counts });
      return mergeRow(
        runs,
        keyOf(run.runId),
        {
          counts: JSON.stringify(counts),
          completedAt: run.completedAt ?? at.toISOString(),
          recount: false,
          auditSequence: place.sequence,
          auditHash: place.hash,
        },
        run.etag,
      );
    },
  };
}
