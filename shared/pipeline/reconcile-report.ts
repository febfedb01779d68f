/**
 * The report of a reconciliation. Its blocks are staged step by step while it is under way, and become files when it ends.
 *
 * @module
 */
import type { RunRow } from '../ledger/run-ledger.ts';
import { csvLines, CSV_START, jsonText } from '../reports/report-text.ts';
import { commitFile, type ReportType } from '../reports/write-report-file.ts';
import type { Pipeline } from './pipeline.ts';
import { RECONCILE_PROBLEMS, type FoundProblem } from './reconcile-problems.ts';
import type { Reconciliation } from './reconcile-state.ts';

/** Ids of one blob have one length, and a step that is repeated after a crash replaces its block. */
const blockId = (name: string) => Buffer.from(name.padStart(10)).toString('base64');
const HEAD = 'head';
const TAIL = 'tail';

function blobOf({ storage }: Pick<Pipeline, 'storage'>, { report }: Reconciliation, type: ReportType) {
  return storage.containers.reports.getBlockBlobClient(report.replace(/json$/, type));
}

async function stage(pipeline: Pick<Pipeline, 'storage'>, state: Reconciliation, type: ReportType, name: string, text: string) {
  await blobOf(pipeline, state, type).stageBlock(blockId(name), text, Buffer.byteLength(text));
}

/** Stages what one step found. Azure keeps blocks of a file that does not exist yet for a week after the last one. */
export async function stageProblems(
  pipeline: Pick<Pipeline, 'storage'>,
  state: Reconciliation,
  problems: readonly FoundProblem[],
): Promise<void> {
  const lines = problems.map((found, index) => {
    const separator = state.problems + index === 0 ? '\n' : ',\n';
    return `${separator}${jsonText({ ...found, explanation: RECONCILE_PROBLEMS[found.problem] })}`;
  });
  const rows = problems.map(({ sourceId, itemKey, mailbox = '', problem, detail }) => {
    return [sourceId, itemKey, mailbox, problem, RECONCILE_PROBLEMS[problem], detail];
  });
  await stage(pipeline, state, 'json', String(state.step), lines.join(''));
  await stage(pipeline, state, 'csv', String(state.step), csvLines(rows));
}

/** Makes the files. Repeated after a crash, it finds them. */
export async function finishReport(pipeline: Pick<Pipeline, 'storage' | 'now'>, run: RunRow, state: Reconciliation): Promise<void> {
  const { runId, from, to } = run;
  const { number, startedAt, counts, problemKinds } = state;
  const facts = { runId, from, to, reconciliation: number, startedAt, finishedAt: pipeline.now().toISOString() };
  const steps = state.blocks.map((step) => blockId(String(step)));
  const heads = {
    csv: CSV_START + csvLines([['Item id', 'Item key', 'Microsoft 365 user id', 'Problem', 'Explanation', 'Detail']]),
    json: `{\n"run": ${jsonText(facts)},\n"checked": ${jsonText(counts)},\n"problemsByKind": ${jsonText(problemKinds)},\n"problems": [`,
  };
  for (const type of ['csv', 'json'] as const) {
    const blob = blobOf(pipeline, state, type);
    if (await blob.exists()) continue;
    await stage(pipeline, state, type, HEAD, heads[type]);
    const tail = type === 'json' ? [blockId(TAIL)] : [];
    if (type === 'json') await stage(pipeline, state, type, TAIL, '\n]}\n');
    await commitFile(blob, [blockId(HEAD), ...steps, ...tail], type, {});
  }
}
