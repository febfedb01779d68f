/**
 * Drives the functions through one or more runs until the books balance, or nothing moves any more.
 *
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isOpen } from '../shared/ledger/run-ledger.ts';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import type { HostProcess } from './host/start-host-process.ts';

/** Rounds without any progress before it is given up. */
const IDLE_ROUNDS = 3;
const ROUND_MS = 1000;

/** What the driver needs to see. */
export interface Drive {
  readonly host: Pick<HostProcess, 'trigger' | 'drain'>;
  readonly ledger: Pipeline['ledger'];
  /** Invocations of queue functions that ended so far. */
  readonly invocations: () => number;
  readonly onProblem: (problem: string) => void;
}

async function trigger({ host, onProblem }: Drive, name: string): Promise<void> {
  try {
    await host.trigger(name);
  } catch (error) {
    onProblem(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Archives the day.
 *
 * @returns whether every run is complete.
 */
export async function runDay(drive: Drive): Promise<boolean> {
  await trigger(drive, 'listDailyItems');
  let before = '';
  for (let idle = 0; idle < IDLE_ROUNDS;) {
    await drive.host.drain();
    // Goes on with an interrupted listing, and completes what is done.
    await trigger(drive, 'sweepRuns');
    const runs = await drive.ledger.runs.all();
    if (runs.length > 0 && !runs.some(isOpen)) return true;
    const now = JSON.stringify([drive.invocations(), runs.map(({ cursor, position, listedAt }) => [cursor, position, listedAt])]);
    idle = now === before ? idle + 1 : 0;
    before = now;
    if (idle > 0) await delay(ROUND_MS);
  }
  return false;
}
