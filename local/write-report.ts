/**
 * Writes what became of every item to OUT/report.json, and sums it up for a person.
 *
 * @module
 */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { addCounts, noCounts, type RunCounts } from '../shared/pipeline/count-run.ts';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { reportItems } from '../shared/pipeline/report-items.ts';

/** The whole ledger in numbers, and its items that need a person. */
export interface Summary {
  readonly counts: RunCounts;
  readonly complete: boolean;
  /** The first items that are parked, and how many there are. */
  readonly parked: readonly { readonly sourceId: string; readonly outcome: string; readonly reason: string }[];
  readonly parkedCount: number;
}

const PARKED_SHOWN = 20;

/**
 * Reads the ledger twice, for the counts and for the items, and holds neither in memory.
 *
 * @returns what the summary says.
 */
export async function writeReport(pipeline: Pick<Pipeline, 'ledger'>, out: string): Promise<Summary> {
  const runs = await pipeline.ledger.runs.all();
  const runIds = runs.map(({ runId }) => runId);
  let counts = noCounts;
  const parked: Summary['parked'][number][] = [];
  let parkedCount = 0;
  for await (const item of reportItems(pipeline, runIds)) {
    counts = addCounts(counts, item.counts);
    const { sourceId, outcome, reason = '' } = item.report;
    if (outcome === 'imported' || outcome === 'skipped') continue;
    parkedCount += 1;
    if (parked.length < PARKED_SHOWN) parked.push({ sourceId, outcome, reason });
  }
  const last = runs.at(-1);
  const run = last === undefined ? null : { from: last.from, to: last.to, completedAt: last.completedAt ?? null, relisted: last.relisted };

  const file = createWriteStream(join(out, 'report.json'));
  const write = async (text: string) => {
    if (!file.write(text)) await once(file, 'drain');
  };
  await write(`{\n"run": ${JSON.stringify(run)},\n"counts": ${JSON.stringify(counts)},\n"items": [`);
  let separator = '\n';
  for await (const { report } of reportItems(pipeline, runIds)) {
    await write(`${separator}${JSON.stringify(report)}`);
    separator = ',\n';
  }
  file.end('\n]}\n');
  await finished(file);
  return { counts, complete: runs.length > 0 && runs.every(({ completedAt }) => completedAt !== undefined), parked, parkedCount };
}

/** The summary as text, in the words of Microsoft's connector log. */
export function describeSummary({ counts, parked, parkedCount }: Summary): string {
  const rows: readonly (readonly [string, number])[] = [
    ['Items available from source', counts.availableFromSource],
    ['Items available for import', counts.availableForImport],
    ['Imported successfully', counts.imported],
    ['Partially imported', counts.partiallyImported],
    ['Skipped (duplicates)', counts.skipped],
    ['Failed (mapping, size, …)', counts.failed],
    ['Pending', counts.pending],
  ];
  const table = rows.map(([name, count]) => `  ${name.padEnd(30)}${String(count).padStart(9)}`).join('\n');
  if (parkedCount === 0) return table;
  const items = parked.map(
    ({ sourceId, outcome, reason }) => `  ${sourceId}: ${reason === '' || reason === outcome ? outcome : `${outcome} (${reason})`}`,
  );
  const more = parkedCount > parked.length ? `\n  … and ${parkedCount - parked.length} more in report.json` : '';
  return `${table}\n\nNot imported (or not everywhere), with their bytes kept:\n${items.join('\n')}${more}`;
}
