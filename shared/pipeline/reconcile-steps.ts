/**
 * The steps of a reconciliation: some items at a time, each step written down before the next one begins.
 *
 * @module
 */
import pLimit from 'p-limit';
import { describeError, RetryAfterError } from '../errors.ts';
import type { StoredItem } from '../ledger/item-row.ts';
import { shards } from '../ledger/rows.ts';
import type { StoredRun } from '../ledger/run-ledger.ts';
import { limits } from '../limits.ts';
import type { RunCounts } from './count-run.ts';
import type { Pipeline } from './pipeline.ts';
import { rememberFolders, type KnownFolders } from './reconcile-folders.ts';
import { reconcileItem, type CheckedItem } from './reconcile-item.ts';
import { addChecked, noneChecked, type FoundProblem, type ReconcileProblem } from './reconcile-problems.ts';
import { finishReport, stageProblems } from './reconcile-report.ts';
import { writeState, type Reconciliation, type StoredReconciliation } from './reconcile-state.ts';

/** Items of one step: what a crash or a throttled mailbox makes us check again. */
const ITEMS_PER_STEP = 100;
/** Bytes of one step, so that a step of large items does not take hours. */
const BYTES_PER_STEP = 256 * 1024 * 1024;
/** Items checked side by side: each holds at most one item of `limits.largeItemBytes`. */
const ITEMS_AT_ONCE = 8;
/** Calls that may get nowhere: after two hours of such sweeps what still fails is reported as not checked. A step that works makes up for one. */
const STALLS = 12;

/** Large items take their turn, as they do when they are imported. */
const largeItems = pLimit(1);

interface Step {
  readonly rows: readonly StoredItem[];
  readonly shard: number;
  readonly after: string;
}

/** Cuts what is left of a run into steps of at most so many items. */
async function* stepsOf(pipeline: Pipeline, { runId, shard: first, after }: Reconciliation, most: number): AsyncGenerator<Step> {
  let rows: StoredItem[] = [];
  let bytes = 0;
  for (const [shard, name] of shards.entries()) {
    if (shard < first) continue;
    for await (const row of pipeline.ledger.items.ofShard(runId, name, shard === first ? after : '')) {
      rows.push(row);
      bytes += row.size ?? 0;
      if (rows.length < most && bytes < BYTES_PER_STEP) continue;
      yield { rows, shard, after: row.itemKey };
      rows = [];
      bytes = 0;
    }
  }
  if (rows.length > 0) yield { rows, shard: shards.length, after: '' };
}

/** @returns what was found, or the error that a later call may not meet. */
async function check(pipeline: Pipeline, folders: KnownFolders, row: StoredItem): Promise<CheckedItem | { readonly error: unknown }> {
  try {
    const work = () => reconcileItem(pipeline, folders, row);
    return await ((row.size ?? 0) > limits.largeItemBytes ? largeItems(work) : work());
  } catch (error) {
    return { error };
  }
}

function notChecked({ sourceId, itemKey }: StoredItem, error: unknown): CheckedItem {
  const problem = { problem: 'not-checked', sourceId, itemKey, detail: describeError(error) } as const;
  return { counts: { ...noneChecked, items: 1 }, problems: [problem] };
}

/** Writes down that a call got nowhere. The next one tries the same step again. */
async function stall(pipeline: Pipeline, state: Reconciliation, etag: string, errors: readonly unknown[]): Promise<void> {
  const delayMs = Math.max(0, ...errors.map((error) => (error instanceof RetryAfterError ? error.delayMs : 0)));
  const notBefore = new Date(pipeline.now().getTime() + delayMs).toISOString();
  const { runId, number, stalls } = state;
  pipeline.log.warn('reconciliation.delayed', { runId, number, stalls: stalls + 1, delayMs, error: describeError(errors[0]) });
  await save(pipeline, { ...state, stalls: stalls + 1, notBefore }, etag);
}

async function save(pipeline: Pipeline, state: Reconciliation, etag: string): Promise<string> {
  const written = await writeState(pipeline, state, etag);
  if (written !== undefined) return written;
  throw new Error('Another instance has gone on with this reconciliation.');
}

/** They ask for another look; nothing is known to be lost or altered. */
const INCONCLUSIVE: ReadonlySet<ReconcileProblem> = new Set<ReconcileProblem>(['copy-moved', 'mailbox-unreachable', 'not-checked']);

function countKinds(kinds: Readonly<Record<string, number>>, problems: readonly FoundProblem[]): Record<string, number> {
  const counted = { ...kinds };
  for (const { problem } of problems) counted[problem] = (counted[problem] ?? 0) + 1;
  return counted;
}

/** Stages and counts what was found. */
async function add(pipeline: Pipeline, state: Reconciliation, checked: readonly CheckedItem[]): Promise<Reconciliation> {
  const problems = checked.flatMap((item) => item.problems);
  if (problems.length > 0) await stageProblems(pipeline, state, problems);
  pipeline.telemetry.count('archive.reconcile.lost', problems.filter(({ problem }) => !INCONCLUSIVE.has(problem)).length);
  return {
    ...state,
    counts: checked.reduce((counts, item) => addChecked(counts, item.counts), state.counts),
    problems: state.problems + problems.length,
    problemKinds: countKinds(state.problemKinds, problems),
    blocks: problems.length > 0 ? [...state.blocks, state.step] : state.blocks,
    step: state.step + 1,
    notBefore: '',
  };
}

/** Items that the run counted and the ledger no longer has: nobody could check them. */
function lostRows(run: StoredRun, { counts }: Reconciliation): CheckedItem[] {
  const counted = run.counts === undefined ? 0 : (JSON.parse(run.counts) as RunCounts).availableFromSource;
  if (counted <= counts.items) return [];
  const detail = `the run counted ${counted} items, and the ledger has ${counts.items}`;
  return [{ counts: noneChecked, problems: [{ problem: 'ledger-row-missing', sourceId: '', itemKey: '', detail }] }];
}

/**
 * Goes on with one reconciliation: to its end, to `items` items, or to the first step that a mailbox keeps us from ending.
 *
 * @returns how many items were checked.
 * @throws errors of storage; what was written down stays.
 */
export async function reconcileSteps(
  pipeline: Pipeline,
  run: StoredRun,
  stored: StoredReconciliation,
  items: number,
  signal: AbortSignal,
): Promise<number> {
  const { now, log, graph, archiver } = pipeline;
  let { state, etag } = stored;
  if (state.notBefore > now().toISOString()) return 0;
  const folders = rememberFolders(graph, archiver);
  let done = 0;
  for await (const { rows, shard, after } of stepsOf(pipeline, state, Math.min(items, ITEMS_PER_STEP))) {
    signal.throwIfAborted();
    const results = await pLimit(ITEMS_AT_ONCE).map(rows, (row) => check(pipeline, folders, row));
    const errors = results.flatMap((result) => ('error' in result ? [result.error] : []));
    if (errors.length > 0 && state.stalls < STALLS) {
      await stall(pipeline, state, etag, errors);
      return done;
    }
    const checked = results.map((result, at) => ('error' in result ? notChecked(rows[at] as StoredItem, result.error) : result));
    const stalls = errors.length > 0 ? state.stalls : Math.max(0, state.stalls - 1);
    state = { ...(await add(pipeline, state, checked)), shard, after, stalls };
    etag = await save(pipeline, state, etag);
    done += rows.length;
    if (done >= items) return done;
  }
  signal.throwIfAborted();
  const lost = lostRows(run, state);
  if (lost.length > 0) state = await add(pipeline, state, lost);
  await finishReport(pipeline, run, state);
  await save(pipeline, { ...state, finishedAt: now().toISOString() }, etag);
  const { runId, number, problems, counts } = state;
  log.info('reconciliation.finished', { runId, number, problems, ...counts });
  return done;
}
