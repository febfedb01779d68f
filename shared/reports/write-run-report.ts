/**
 * Writes the reports of a run: its items as JSON and as CSV, and every decision that an item is a duplicate.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { StoredItem } from '../ledger/item-row.ts';
import type { RunRow } from '../ledger/run-ledger.ts';
import { addCounts, isBalanced, noCounts, type RunCounts } from '../pipeline/count-run.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { reportItems } from '../pipeline/report-items.ts';
import { cellsOf, countsInWords, linesOf, reportColumns, type ReportLine } from './report-lines.ts';
import { reportFolder, reportName } from './report-names.ts';
import { CSV_START, csvLines, jsonText } from './report-text.ts';
import { metadataOf, openReportFile, type ReportFile } from './write-report-file.ts';

/** Reports that were written, or are there already. */
export interface RunReport {
  /** Of the JSON file. */
  readonly name: string;
  readonly counts: RunCounts;
  /** Whether this call has written them. */
  readonly isNew: boolean;
}

type Reporting = Pick<Pipeline, 'ledger' | 'storage' | 'now'>;

/** Originals looked up at one time. */
const LOOK_UPS_AT_ONCE = 16;
/** Duplicates held in memory until their originals are looked up. */
const DUPLICATES_AT_ONCE = 64;

/** The books of a run as they stand: their digest tells whether they have changed since. */
interface Books {
  readonly counts: RunCounts;
  readonly digest: string;
}

async function readBooks(
  pipeline: Reporting,
  run: RunRow,
  each: (row: StoredItem, lines: readonly ReportLine[]) => Promise<void>,
): Promise<Books> {
  const hash = createHash('sha256');
  let counts = noCounts;
  for await (const { row, report, counts: added } of reportItems(pipeline, [run.runId])) {
    const lines = linesOf(row, report.deliveries);
    hash.update(JSON.stringify(lines));
    counts = addCounts(counts, added);
    await each(row, lines);
  }
  return { counts, digest: hash.digest('hex') };
}

/** @returns the version to write, or the name of the newest report where that has these books. */
async function chooseVersion({ storage }: Reporting, run: RunRow, digest: string): Promise<{ version: number } | { existing: string }> {
  const books = new Map<string, string | undefined>();
  const prefix = `${reportFolder(run)}/${run.runId}`;
  for await (const blob of storage.containers.reports.listBlobsFlat({ prefix, includeMetadata: true })) {
    books.set(blob.name, blob.metadata?.['books']);
  }
  // The highest one: what a crash cut off may have left a gap below it.
  let version = books.size + 1;
  for (; version > 1 && !books.has(reportName(run, '', version - 1, 'json')); version -= 1);
  const newest = reportName(run, '', version - 1, 'json');
  if (version > 1 && books.get(newest) === digest) return { existing: newest };
  // The JSON file comes last. What an interrupted call left without one is completed where the books are still the same.
  const isTaken = (name: string) => books.has(name) && books.get(name) !== digest;
  for (; isTaken(reportName(run, '', version, 'csv')) || isTaken(reportName(run, '-duplicates', version, 'csv')); version += 1);
  return { version };
}

async function writeDuplicates({ ledger }: Reporting, rows: readonly StoredItem[], file: ReportFile): Promise<void> {
  const cells = await pLimit(LOOK_UPS_AT_ONCE).map(rows, async (row) => {
    const { sourceId, duplicateOf = '', contentKey = '', sha256 } = row;
    const original = await ledger.items.find(duplicateOf);
    const isKnown = sha256 !== undefined && original?.sha256 !== undefined;
    return [sourceId, duplicateOf, contentKey, isKnown ? (sha256 === original.sha256 ? 'yes' : 'no') : 'unknown'];
  });
  await file.write(csvLines(cells));
}

/**
 * Writes the reports of a run whose items have all ended: `<date>/<run>.json`, `.csv` and `-duplicates.csv`. Where the books have changed
 * since the last time (an item was reprocessed), new ones are written beside them: `<run>.2.json` and so on. Nothing is overwritten, and
 * a call that finds its books reported already writes nothing, so that it may be repeated after a crash.
 *
 * The ledger is read twice and the files are streamed: memory does not grow with the number of items.
 *
 * @returns undefined where an item is under way, or the books changed while they were written: the caller calls again later.
 * @throws errors of storage.
 */
export async function writeRunReport(pipeline: Reporting, run: RunRow): Promise<RunReport | undefined> {
  const { storage, now } = pipeline;
  const { reports } = storage.containers;
  const { counts, digest } = await readBooks(pipeline, run, async () => {});
  if (!isBalanced(counts)) return undefined;
  const chosen = await chooseVersion(pipeline, run, digest);
  if ('existing' in chosen) return { name: chosen.existing, counts, isNew: false };

  const names = {
    csv: reportName(run, '', chosen.version, 'csv'),
    duplicates: reportName(run, '-duplicates', chosen.version, 'csv'),
    json: reportName(run, '', chosen.version, 'json'),
  };
  const metadata = { books: digest };
  const csv = openReportFile(reports, names.csv, 'csv', metadata);
  const duplicates = openReportFile(reports, names.duplicates, 'csv', metadata);
  const json = openReportFile(reports, names.json, 'json', metadata);

  const { runId, archiverId, from, to, startedAt, listedAt, relisted } = run;
  const facts = { runId, archiver: archiverId, from, to, startedAt, listedAt, relisted, writtenAt: now().toISOString(), files: names };
  await json.write(`{\n"run": ${jsonText(facts)},\n"counts": ${jsonText(countsInWords(counts))},\n"failed": [`);
  await csv.write(CSV_START + csvLines([reportColumns]));
  await duplicates.write(CSV_START + csvLines([['Item id', 'Original item id', 'Content key', 'Same raw bytes (SHA-256)']]));

  let separator = '\n';
  let skipped: StoredItem[] = [];
  const written = await readBooks(pipeline, run, async (row, lines) => {
    await csv.write(csvLines(lines.map(cellsOf)));
    for (const { result, itemId, itemKey, sourceUserIds, user, reason, explanation, givenUp } of lines) {
      if (result !== 'failed') continue;
      await json.write(`${separator}${jsonText({ itemId, itemKey, sourceUserIds, user, reason, explanation, givenUp })}`);
      separator = ',\n';
    }
    if (row.duplicateOf === undefined) return;
    skipped.push(row);
    if (skipped.length < DUPLICATES_AT_ONCE) return;
    await writeDuplicates(pipeline, skipped, duplicates);
    skipped = [];
  });
  if (skipped.length > 0) await writeDuplicates(pipeline, skipped, duplicates);
  await json.write('\n]}\n');
  if (written.digest !== digest) return undefined;

  let isNew = false;
  for (const [file, name] of [
    [csv, names.csv],
    [duplicates, names.duplicates],
    [json, names.json],
  ] as const) {
    // Another instance may write the same report at the same time; then it is as good as ours.
    isNew = await file.commit();
    if (!isNew && (await metadataOf(reports, name))?.['books'] !== digest) return undefined;
  }
  return { name: names.json, counts, isNew };
}
