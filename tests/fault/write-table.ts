/**
 * `npm run reliability`: plays the schedules and writes what struck, what was lost and what was doubled into docs/reliability.md, with
 * the tables of what each error means. `FAULT_SEED` and `FAULT_RUNS` as in schedules.test.ts; with `FAULT_RUNS=0` only the latter.
 *
 * @module
 */
import { randomInt } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import fc from 'fast-check';
import pLimit from 'p-limit';
import { startAzurite } from '../../local/storage/start-azurite.ts';
import { errorTables, withSection } from './error-tables.ts';
import { hurryRetries, shortenRequests } from './fault-limits.ts';
import { runSchedule, type Played } from './run-schedule.ts';
import { faultKindsOf, schedules, schedulesAimedAt, type Schedule } from './schedule.ts';
import { durableSteps, readingSteps } from './steps.ts';

const seed = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 30));
const runs = Number(process.env['FAULT_RUNS'] ?? 200);
const LANES = 8;
/** Schedules for each fault that none of the random ones had. */
const AIMED = 2;
/** Schedules that share a storage emulator: it keeps all of them in memory, and takes its accounts in one variable. */
const BATCH = 200;
const file = resolve(import.meta.dirname, '../../docs/reliability.md');

function faultTable(played: readonly Played[]): string {
  const strikes = new Map<string, Map<string, number>>();
  const kinds = ['status', 'reset', 'silence', 'crash', 'truncate'];
  for (const { step, fault } of played.flatMap(({ struck }) => struck)) {
    const row = strikes.get(step) ?? new Map<string, number>();
    row.set(fault.kind, (row.get(fault.kind) ?? 0) + 1);
    strikes.set(step, row);
  }
  const rows = [...strikes]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([step, row]) => `| ${step} | ${kinds.map((kind) => row.get(kind) ?? '').join(' | ')} |`);
  const acts = Map.groupBy(
    played.flatMap((one) => one.acts),
    ({ act }) => act,
  );
  const sum = (of: (one: Played) => number) => played.reduce((total, one) => total + of(one), 0);
  return [
    `Seed ${seed}: ${played.length} schedules, ${sum(({ items }) => items)} items, ${sum(({ copies }) => copies)} copies, ${sum(({ struck }) => struck.length)} faults struck. **Lost: 0. Doubled: 0.** (A loss or a double stops the command.)`,
    '',
    `| step | ${['429, 5xx', 'connection broken', 'no answer', 'crash', 'answer cut off'].join(' | ')} |`,
    `|---|${'---|'.repeat(kinds.length)}`,
    ...rows,
    '',
    `No fault has struck: ${[...durableSteps, ...readingSteps].filter((step) => !strikes.has(step)).join(', ') || 'none of the steps'}.`,
    '',
    `Besides, where there was something to act on: ${[...acts]
      .filter(([act]) => !['pump', 'work', 'list', 'sweep'].includes(act))
      .map(([act, all]) => `${act} ${all.length}`)
      .join(', ')}. Played again because the machine stood still: ${played.filter(({ plays }) => plays > 1).length} schedules.`,
  ].join('\n');
}

shortenRequests();
hurryRetries();
const played: Played[] = [];

async function playAll(chosen: readonly Schedule[]): Promise<void> {
  for (let first = 0; first < chosen.length; first += BATCH) {
    const batch = chosen.slice(first, first + BATCH);
    const storage = await startAzurite({ accounts: 2 * batch.length });
    const ends = await pLimit(LANES).map(batch, (schedule) =>
      runSchedule(storage, schedule).catch((error: unknown) => ({ schedule, error })),
    );
    await storage.stop();
    for (const end of ends) {
      if (!('error' in end)) {
        played.push(end);
        continue;
      }
      console.error(`Seed ${seed}, this schedule failed:`, JSON.stringify(end.schedule), end.error);
      process.exitCode = 1;
    }
    console.log(`${first + batch.length} of ${chosen.length} schedules played, seed ${seed}`);
  }
}

/** Schedules for every kind of fault at every step that has not struck yet. */
function schedulesForTheRest(): Schedule[] {
  const struck = new Set(played.flatMap((one) => one.struck.map(({ step, fault }) => `${step} ${fault.kind}`)));
  return [...durableSteps, ...readingSteps].flatMap((step) =>
    faultKindsOf(step)
      .filter((kind) => !struck.has(`${step} ${kind}`))
      .flatMap((kind) => fc.sample(schedulesAimedAt(step, kind), { seed, numRuns: AIMED })),
  );
}

await playAll(fc.sample(schedules, { seed, numRuns: runs }));
if (runs > 0) await playAll(schedulesForTheRest());
// A table with losses in it would not be true: the command fails instead, and leaves the old one.
if (process.exitCode === 1) process.exit();
let text = await readFile(file, 'utf8');
for (const [name, table] of Object.entries(errorTables)) text = withSection(text, name, table());
if (runs > 0) text = withSection(text, 'faults', faultTable(played));
await writeFile(file, text);
console.log(`${file}: ${played.length} schedules, seed ${seed}`);
