/**
 * Plays one schedule, lets the faults end and the days go on, and has everything checked.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { TransientError } from '../../shared/errors.ts';
import { isOpen } from '../../shared/ledger/run-ledger.ts';
import { listDailyItems } from '../../shared/pipeline/list-daily-items.ts';
import { startReconciliation } from '../../shared/pipeline/reconcile-run.ts';
import { reprocessItems } from '../../shared/pipeline/parked-items.ts';
import type { Pipeline } from '../../shared/pipeline/pipeline.ts';
import { sweepRuns } from '../../shared/pipeline/sweep-runs.ts';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { people } from '../support/world.ts';
import { checkEnds, checkRecords, checkWorld, type Checked } from './check-world.ts';
import type { Step } from './fault-proxy.ts';
import { makeFaultWorld, STALE_MS, type FaultWorld } from './fault-world.ts';
import { makeItem, type FaultItem } from './make-items.ts';
import type { Act, AimedFault, Schedule } from './schedule.ts';
import { durableSteps, readingSteps } from './steps.ts';

/** What happened in one schedule. */
export interface Played {
  readonly items: number;
  readonly copies: number;
  /** The faults that struck. */
  readonly struck: readonly AimedFault[];
  /** What was done: an act that found nothing to act on is not among them. */
  readonly acts: readonly Act[];
  /** How often it was played: more than once where the machine stood still. */
  readonly plays: number;
}

/** Many times what a schedule takes on a busy machine. */
const LONGEST_MS = 240_000;
const DAY_MS = 86_400_000;
/** Rounds of work and sweep: an item is enqueued again at most five times, with hours between. */
const ROUNDS = 12;
const known = new Set<string>([...durableSteps, ...readingSteps]);

function makeItems({ items, later }: Schedule): FaultItem[] {
  const made: FaultItem[] = [];
  for (const kind of [...items, ...later]) made.push(makeItem(kind, made.length, made));
  return made;
}

async function loseRow({ world, log }: FaultWorld, id: string | undefined): Promise<boolean> {
  const { pipeline } = world;
  const row = id === undefined ? undefined : await pipeline.ledger.items.find(id);
  const run = (await pipeline.ledger.runs.all()).find(({ runId }) => runId === row?.runId);
  if (row === undefined || run === undefined) return false;
  // Of a run that is complete only what is parked is looked for any more.
  const isLookedFor = run.completedAt === undefined || (await pipeline.ledger.items.parkedRow(row.itemKey)) !== undefined;
  if (!isLookedFor) return false;
  (log as string[]).push(`storage: the row of ${id} is lost`);
  await pipeline.storage.tables.items.deleteEntity(row.partitionKey ?? '', row.rowKey ?? '');
  return true;
}

/** @returns false where it found nothing to act on. */
async function play(fault: FaultWorld, items: readonly FaultItem[], act: Act): Promise<unknown> {
  const { world } = fault;
  const list = (pipeline: Pipeline) => listDailyItems(pipeline);
  const both = (work: (pipeline: Pipeline) => Promise<unknown>) => Promise.all([fault.on(0, work), fault.on(1, work)]);
  switch (act.act) {
    case 'list':
      return fault.on(act.instance, list);
    case 'sweep':
      return fault.on(act.instance, sweepRuns);
    case 'reprocess':
      return fault.on(act.instance, (pipeline) => reprocessItems(pipeline, {}, 'somebody'));
    case 'reconcile':
      return fault.on(act.instance, async (pipeline) => {
        for (const { runId } of await pipeline.ledger.runs.all()) await startReconciliation(pipeline, runId, 'somebody');
      });
    case 'kill':
      return fault.replace(act.instance);
    case 'list-at-once':
      return both(list);
    case 'sweep-at-once':
      return both(sweepRuns);
    case 'pump':
      return fault.pump().then(() => true);
    case 'work':
      return fault.work();
    case 'expire-tokens':
      return world.teleMessage.expireTokens();
    case 'purge':
      return fault.purge(act.queue);
    case 'lose-row':
      return loseRow(fault, items[act.item]?.id);
    case 'jump':
      return fault.jump(act.ms);
  }
}

async function isInDoubt({ ledger }: Pipeline): Promise<boolean> {
  for await (const { inDoubt } of ledger.items.parked()) if (inDoubt === true) return true;
  return false;
}

/** Days without faults: what is left is done, however long it takes on the world's clock. */
async function heal(fault: FaultWorld): Promise<void> {
  const { world } = fault;
  for (let round = 0; round < ROUNDS; round += 1) {
    await fault.work();
    await fault.on(0, sweepRuns);
    await fault.work();
    await fault.on(0, sweepRuns);
    if (!(await world.pipeline.ledger.runs.all()).some(isOpen) && !(await isInDoubt(world.pipeline))) return;
    await fault.pass(STALE_MS);
  }
}

/** @throws AssertionError where something was lost, is there twice or does not add up, with the log of all that happened. */
async function playSchedule(storage: Azurite, schedule: Schedule): Promise<Played> {
  const pending = schedule.faults.map((aimed) => ({ aimed, skip: aimed.skip }));
  const struck: AimedFault[] = [];
  const unknown = new Set<string>();
  let faulty = true;
  const plan = ({ name }: Step) => {
    if (!faulty) return undefined;
    if (!known.has(name)) unknown.add(name);
    const at = pending.findIndex(({ aimed, skip }) => aimed.step === name && skip === 0);
    for (const entry of pending) if (entry.aimed.step === name && entry.skip > 0) entry.skip -= 1;
    const [entry] = at === -1 ? [] : pending.splice(at, 1);
    if (entry === undefined) return undefined;
    struck.push(entry.aimed);
    return entry.aimed.fault;
  };
  const fault = await makeFaultWorld(storage, { ...schedule.host, plan });
  const { world } = fault;
  const items = makeItems(schedule);
  const checked: Checked = {
    pipeline: world.pipeline,
    items,
    mailboxes: people.map(({ mail }) => mail),
    mailbox: (address, folder) => world.mailbox(address, folder),
  };
  const playAll = async (): Promise<Played> => {
    for (const { id, eml } of items.slice(0, schedule.items.length)) world.add(id, eml);
    await play(fault, items, { act: 'list', instance: 0 });
    const acts: Act[] = [];
    for (const act of schedule.acts) if ((await play(fault, items, act)) !== false) acts.push(act);
    const second = new Date(world.now().getTime() + 1_000);
    for (const { id, eml } of items.slice(schedule.items.length)) world.teleMessage.addItem(id, () => eml, second);
    await fault.pass(DAY_MS);
    await play(fault, items, { act: 'list', instance: 0 });
    await fault.work();

    faulty = false;
    fault.setClock();
    await fault.pass(DAY_MS);
    await play(fault, items, { act: 'list', instance: 0 });
    await heal(fault);
    await checkWorld(checked);
    await fault.on(0, (pipeline) => reprocessItems(pipeline, {}, 'somebody'));
    await heal(fault);
    const copies = await checkWorld(checked);
    await checkEnds(checked);
    await checkRecords(checked);
    assert.deepEqual(world.graph.requests.warnings, []);
    assert.deepEqual(world.teleMessage.requests.warnings, []);
    assert.deepEqual([...unknown], [], 'there are steps that tests/fault/steps.ts does not name');
    return { items: items.length, copies, struck, acts, plays: 1 };
  };
  const watch = new AbortController();
  try {
    const tooLong = delay(LONGEST_MS, undefined, { signal: watch.signal }).then(() => {
      throw new Error('the schedule does not end');
    });
    return await Promise.race([playAll(), tooLong]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n${fault.log.join('\n')}`, { cause: error });
  } finally {
    watch.abort();
    faulty = false;
    await fault.close();
  }
}

/** Times that a schedule is played where the machine stood still in it. */
const PLAYS = 3;

/** Whether the checker itself, which no fault reaches, got no answer: the machine stood still, and that says nothing of the app. */
function isStandstill(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof TransientError && error.cause.message.startsWith('Azure Storage did not answer');
}

/**
 * Plays a schedule and checks what came of it.
 *
 * @throws Error with the log of the schedule where anything was lost, doubled or miscounted.
 */
export async function runSchedule(storage: Azurite, schedule: Schedule): Promise<Played> {
  for (let play = 1; ; play += 1) {
    try {
      return { ...(await playSchedule(storage, schedule)), plays: play };
    } catch (error) {
      if (play === PLAYS || !isStandstill(error)) throw error;
    }
  }
}
