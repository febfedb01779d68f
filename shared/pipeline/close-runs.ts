/**
 * Completes the runs whose items have all ended, and writes their reports; the watermark moves with them.
 *
 * @module
 */
import { outcomeOf } from '../ledger/item-row.ts';
import { isOpen, type StoredRun } from '../ledger/run-ledger.ts';
import type { Pipeline } from './pipeline.ts';
import { restoreItems } from './restore-items.ts';
import { writeRunReport } from '../reports/write-run-report.ts';

/**
 * Whether every item that was listed has ended. Stops at the first pending one, so that looking at a run under way costs little; and
 * looks for items that were listed and have no row any more.
 */
async function haveAllEnded(pipeline: Pipeline, run: StoredRun): Promise<boolean> {
  let rows = 0;
  for await (const row of pipeline.ledger.items.ofRun(run.runId)) {
    if (outcomeOf(row) === 'pending') return false;
    rows += 1;
  }
  if (rows >= run.listed) return true;
  pipeline.log.error('run.rows-missing', { runId: run.runId, listed: run.listed, rows });
  // Where the index has lost them too, the run stays open: it must not look as if all had ended.
  await restoreItems(pipeline, run);
  return false;
}

/**
 * Completes each run that can be.
 *
 * @returns how many runs are not complete.
 * @throws the errors of storage; what was completed before stays.
 */
export async function closeRuns(pipeline: Pipeline): Promise<number> {
  const { ledger, log, telemetry, archiver, now } = pipeline;
  let open = 0;
  for (const run of await ledger.runs.all()) {
    if (!isOpen(run)) continue;
    if (run.listedAt === undefined || !(await haveAllEnded(pipeline, run))) {
      open += 1;
      continue;
    }
    // Before the run is complete: a crash in between writes nothing twice, and no complete run is without its reports.
    const report = await writeRunReport(pipeline, run);
    if (report === undefined) {
      // An item came back (a reprocess) between the readings.
      open += 1;
      continue;
    }
    const { counts } = report;
    const at = now();
    if (!(await ledger.runs.completed(run, counts, at))) continue;
    if (run.completedAt === undefined) {
      telemetry.count('archive.run.completed', 1, { archiver: archiver.id });
      telemetry.record('archive.run.duration_seconds', (at.getTime() - Date.parse(run.startedAt)) / 1000);
      if (counts.availableFromSource === 0) telemetry.count('archive.run.empty');
    }
    if (counts.availableFromSource === 0) log.info(`No items ingested on ${run.to.slice(0, 10)}`, { runId: run.runId });
    log.info('run.completed', {
      runId: run.runId,
      ...counts,
      relisted: run.relisted,
      durationMs: at.getTime() - Date.parse(run.startedAt),
    });
  }
  return open;
}
