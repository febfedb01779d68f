/**
 * First step: the items that arrived since the last run are recorded and enqueued, page by page, with a checkpoint after each.
 *
 * @module
 */
import pLimit from 'p-limit';
import type { ItemReference } from '../ledger/item-row.ts';
import { planRuns, type RunRow } from '../ledger/run-ledger.ts';
import { limits } from '../limits.ts';
import { holdLease } from '../storage/hold-lease.ts';
import { ensureStorage } from '../storage/storage.ts';
import { sendMessage } from './messages.ts';
import type { Pipeline } from './pipeline.ts';

/** Enqueues listed items for their transfer. */
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

async function listPages(pipeline: Pipeline, run: RunRow, signal: AbortSignal): Promise<void> {
  const { source, ledger, log, telemetry } = pipeline;
  const window = { from: new Date(run.from), to: new Date(run.to) };
  let { cursor, position, listed, relisted } = run;
  for (;;) {
    signal.throwIfAborted();
    const page = await source.listPage(window, cursor === '' ? undefined : cursor);
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
    await ledger.runs.checkpoint(run, { cursor, position, listed, relisted });
    log.info('run.page', { runId: run.runId, listed, relisted });
  }
  await ledger.runs.listed(run, { position, listed, relisted });
  log.info('run.listed', { runId: run.runId, from: run.from, to: run.to, listed, relisted });
}

/**
 * Lists what an interrupted listing left, then the windows since the last run, oldest first.
 *
 * @param begin - Whether new runs are begun; the sweep only goes on with interrupted ones.
 * @returns false where another instance is listing.
 * @throws the errors of the source and of storage; what is recorded stays, and the next call goes on from the checkpoint.
 */
export async function listDailyItems(pipeline: Pipeline, begin = true): Promise<boolean> {
  const { ledger, archiver, storage, settings, log, now } = pipeline;
  await ensureStorage(storage);
  const done = await holdLease(storage.containers.reports, `locks/${archiver.id}`, limits.leaseWaitMs, async (signal) => {
    const runs = await ledger.runs.all();
    for (const run of runs) {
      if (run.listedAt === undefined) await listRun(pipeline, run, signal);
    }
    const planned = begin ? planRuns(runs, now(), settings.WINDOW_OVERLAP_MINUTES * 60_000, limits.runWindowMs) : [];
    for (const window of planned) {
      signal.throwIfAborted();
      await listRun(pipeline, await ledger.runs.begin(window), signal);
    }
    return true;
  });
  if (done === undefined) log.info('run.listed-elsewhere', { archiver: archiver.id });
  return done ?? false;
}
