/**
 * Random schedules of faults: nothing is lost, nothing arrives twice, and the books say so.
 *
 * `FAULT_SEED` and `FAULT_RUNS` repeat or extend a run; a failure also prints the path within its lane (`FAULT_PATH`, with `FAULT_LANE`).
 *
 * @module
 */
import { randomInt } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { startAzurite } from '../../local/storage/start-azurite.ts';
import { hurryRetries, shortenRequests } from './fault-limits.ts';
import { runSchedule } from './run-schedule.ts';
import { schedules } from './schedule.ts';

const LANES = 8;
/** Schedules that share a storage emulator: it keeps all of them in memory, and takes its accounts in one variable. */
const BATCH = 200;
// The same schedules in every `npm test`, so that a red run is about the change at hand; the soak run takes new ones.
const seed = Number(process.env['FAULT_SEED'] ?? (process.env['FAULT_RUNS'] === undefined ? 20_261_123 : randomInt(2 ** 30)));
const runs = Number(process.env['FAULT_RUNS'] ?? 200);
const only = process.env['FAULT_LANE'];
const path = process.env['FAULT_PATH'];

shortenRequests();
hurryRetries();

for (let batch = 0; batch < Math.ceil(runs / BATCH); batch += 1) playBatch(seed + batch * LANES, Math.min(BATCH, runs - batch * BATCH));

function playBatch(seed: number, runs: number): void {
  describe(`schedules of faults, seed ${seed}`, { concurrency: LANES }, () => {
    let storage: Azurite;
    before(async () => {
      // More than there are schedules: to shrink one that fails plays many more.
      storage = await startAzurite({ accounts: 1_000 });
    });
    after(() => storage.stop());

    for (let lane = 0; lane < LANES; lane += 1) {
      if (only !== undefined && Number(only) !== lane) continue;
      test(`lane ${lane}: every item is imported once, a duplicate of a named item, or parked with its bytes`, async () => {
        await fc.assert(
          fc.asyncProperty(schedules, async (schedule) => {
            await runSchedule(storage, schedule);
          }),
          {
            seed: seed + lane,
            numRuns: Math.ceil(runs / LANES),
            ...(path === undefined ? {} : { path }),
            includeErrorInReport: true,
            endOnFailure: process.env['FAULT_SHRINK'] === undefined,
          },
        );
      });
    }
  });
}
