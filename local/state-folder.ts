/**
 * The folder that a local run keeps its state in: one that stays, or one that goes with the run.
 *
 * @module
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Where things are kept. */
export interface StateFolder {
  readonly storage: string;
  readonly arrivals: string;
  /** Undefined where the mailboxes are made in OUT itself. */
  readonly mailboxes: string | undefined;
  /** Notes who uses the folder, so that a next run waits for them to end. */
  occupy(pids: readonly number[]): Promise<void>;
  /** Gives the folder back, or removes it. */
  release(): Promise<void>;
}

/** Children of a killed run save and end within a few seconds. */
const WAIT_MS = 20_000;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function waitForOthers(file: string): Promise<void> {
  let pids: number[];
  try {
    pids = JSON.parse(await readFile(file, 'utf8')) as number[];
  } catch {
    // Nobody has used the folder, or a kill came while the note was written, before anything was started.
    return;
  }
  const deadline = Date.now() + WAIT_MS;
  while (pids.some(isAlive)) {
    if (Date.now() > deadline) throw new Error(`The state folder is in use by another run (${file} names its processes).`);
    await delay(100);
  }
}

/**
 * @param given - Folder that stays, or undefined for one that is removed at the end.
 * @throws Error where another run uses it.
 */
export async function openStateFolder(given: string | undefined): Promise<StateFolder> {
  const folder = given ?? (await mkdtemp(join(tmpdir(), 'enterprise-number-archiver-')));
  await mkdir(folder, { recursive: true });
  const note = join(folder, 'processes.json');
  await waitForOthers(note);
  return {
    storage: join(folder, 'storage'),
    arrivals: join(folder, 'arrivals.json'),
    mailboxes: given === undefined ? undefined : join(folder, 'mailboxes'),
    occupy: (pids) => writeFile(note, JSON.stringify(pids)),
    release: () => (given === undefined ? rm(folder, { recursive: true, force: true }) : rm(note, { force: true })),
  };
}
