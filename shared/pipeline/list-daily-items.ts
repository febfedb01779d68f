/**
 * First step: the items that arrived since the last run are recorded and enqueued, page by page, with a checkpoint after each.
 *
 * @module
 */
import pLimit from 'p-limit';
import type { ItemReference } from '../ledger/item-row.ts';
import { planRuns, type RunRow } from '../ledger/run-ledger.ts';
import { limits } from '../limits.ts';
import type { ArrivalWindow, ItemPage } from '../telemessage/item-source.ts';
import { parseSchedule } from '../ncrontab.ts';
import { holdLease } from '../storage/hold-lease.ts';
import { ensureStorage } from '../storage/storage.ts';
import { sendMessage } from './messages.ts';
import type { Pipeline } from './pipeline.ts';

/**
 * Enqueues listed items for their transfer.
 *
 * @throws the errors of storage.
 */
export async function enqueue(pipeline: Pipeline, items: readonly ItemReference[]): Promise<void> {
  const { download } = pipeline.storage.queues;
  const traceparent = pipeline.telemetry.traceparent();
  const message = (item: ItemReference) => (traceparent === undefined ? item : { ...item, traceparent });
  await pLimit(limits.enqueueConcurrency).map(items, (item) => sendMessage(download, message(item)));
}

async function listRun(pipeline: Pipeline, run: RunRow, signal: AbortSignal): Promise<void> {
  const { runId, archiverId: archiver } = run;
  await pipeline.telemetry.span('run.list', { attributes: { runId, archiver } }, () => listPages(pipeline, run, signal));
}

/** The source tells the time in whole seconds. */
const SOURCE_CLOCK_MS = 1_000;

/**
 * @returns the source's time, ISO, where the window ends after it: our clock is ahead, and the next window has to begin where the source
 *   was. Undefined where the window is all past.
 */
function endOfSight({ to }: ArrivalWindow, { answeredAt }: ItemPage): string | undefined {
  return answeredAt !== undefined && to.getTime() - answeredAt.getTime() > SOURCE_CLOCK_MS ? answeredAt.toISOString() : undefined;
}

async function listPages(pipeline: Pipeline, run: RunRow, signal: AbortSignal): Promise<void> {
  const { source, ledger, log, telemetry } = pipeline;
  const window = { from: new Date(run.from), to: new Date(run.to) };
  let { cursor, position, listed, relisted, seenUntil } = run;
  for (;;) {
    signal.throwIfAborted();
    const page = await source.listPage(window, cursor === '' ? undefined : cursor);
    if (cursor === '') seenUntil = endOfSight(window, page);
    const start = position;
    const recorded = await ledger.items.recordListed(
      run,
      page.items.map((item, index) => ({ ...item, sequence: start + index })),
    );
    // Enqueued before the checkpoint: a crash in between repeats the page, and a second message finds nothing to do.
    await enqueue(pipeline, recorded.items);
    position += page.items.length;
    listed += recorded.listed;
    relisted += recorded.relisted;
    telemetry.count('archive.items.listed', recorded.items.length);
    telemetry.count('archive.items.relisted', recorded.relisted);
    if (page.nextCursor === undefined) break;
    cursor = page.nextCursor;
    await ledger.runs.checkpoint(run, { cursor, ...(seenUntil === undefined ? {} : { seenUntil }), position, listed, relisted });
    log.info('run.page', { runId: run.runId, listed, relisted });
  }
  const to = seenUntil ?? run.to;
  await ledger.runs.listed(run, { to, position, listed, relisted });
  log.info('run.listed', { runId: run.runId, from: run.from, to, listed, relisted });
}

/** What a start has seen before it waited for its turn. */
interface Asked {
  readonly at: Date;
  readonly newest: RunRow | undefined;
}

/** Whether another start has done the work while this one waited: it has begun a run since, or was in the middle of one that it had just begun. */
function isDone(runs: readonly RunRow[], { at, newest }: Asked): boolean {
  const last = runs.at(-1);
  if (last?.number !== newest?.number) return true;
  const isRecent = newest !== undefined && Math.abs(at.getTime() - Date.parse(newest.startedAt)) < limits.missedStartMs;
  return isRecent && newest.listedAt === undefined && last?.listedAt !== undefined;
}

/** Whether a daily start was due and came to nothing: it waited too long for another instance, or storage was away. */
function isOverdue({ settings, now }: Pipeline, newest: RunRow | undefined): boolean {
  const due = newest === undefined ? undefined : parseSchedule(settings.ARCHIVE_SCHEDULE).nextAfter(new Date(newest.startedAt));
  return due !== undefined && due.getTime() + limits.missedStartMs <= now().getTime();
}

/** Who asks for a listing. */
export type ListingStart = 'daily' | 'sweep';

/**
 * Lists what an interrupted listing left, then the windows since the last run, oldest first.
 *
 * @param start - The sweep goes on with interrupted runs, and begins new ones only where a daily start was missed.
 * @returns false where another instance is listing.
 * @throws the errors of the source and of storage; what is recorded stays, and the next call goes on from the checkpoint.
 */
export async function listDailyItems(pipeline: Pipeline, start: ListingStart = 'daily'): Promise<boolean> {
  const { ledger, archiver, storage, settings, log, now } = pipeline;
  await ensureStorage(storage);
  const asked: Asked = { at: now(), newest: (await ledger.runs.all()).at(-1) };
  const done = await holdLease(storage.containers.reports, `locks/${archiver.id}`, limits.leaseWaitMs, async (signal) => {
    const runs = await ledger.runs.all();
    for (const run of runs) {
      if (run.listedAt === undefined) await listRun(pipeline, run, signal);
    }
    if (start === 'daily' ? isDone(runs, asked) : !isOverdue(pipeline, runs.at(-1))) return true;
    // Read again: how far an interrupted listing could see is known only now.
    const listed = await ledger.runs.all();
    for (const window of planRuns(listed, now(), settings.WINDOW_OVERLAP_MINUTES * 60_000, limits.runWindowMs)) {
      signal.throwIfAborted();
      await listRun(pipeline, await ledger.runs.begin(window), signal);
    }
    return true;
  });
  if (done === undefined) log.info('run.listed-elsewhere', { archiver: archiver.id });
  return done ?? false;
}
