/**
 * `npm run bench:memory`: peak memory of each process of `npm start`, for folders of more and more items.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeItems, users } from './make-items.ts';
import { processUsage } from './process-usage.ts';

const project = resolve(import.meta.dirname, '..');
/** In the order in which `npm start` notes them. */
const PROCESSES = ['npm start', 'Azurite', 'simulators', 'the app'];

async function peaks(count: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-memory-'));
  const [items, state, directory] = [join(folder, 'items'), join(folder, 'state'), join(folder, 'directory.json')];
  await makeItems(items, count);
  await writeFile(directory, JSON.stringify(users));
  const args = ['--items', items, '--directory', directory, '--state', state, '--out', join(folder, 'out')];
  const child = spawn(process.execPath, [join(project, 'local/start.ts'), ...args], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  let peak: number[] = [];
  while (child.exitCode === null) {
    try {
      const pids = JSON.parse(await readFile(join(state, 'processes.json'), 'utf8')) as number[];
      peak = await Promise.all(pids.map(async (pid, at) => Math.max(peak[at] ?? 0, (await processUsage(pid)).peakMb)));
    } catch {
      // Not begun yet, or just ended.
    }
    await delay(100);
  }
  await ended;
  if (child.exitCode !== 0) throw new Error(`npm start ended with ${child.exitCode}`);
  await rm(folder, { recursive: true, force: true });
  return peak;
}

console.log(['items'.padStart(6), ...PROCESSES.map((name) => `${name}, MB`.padStart(16))].join(''));
for (const count of [500, 1000, 2000, 4000]) {
  console.log([String(count).padStart(6), ...(await peaks(count)).map((peak) => peak.toFixed(0).padStart(16))].join(''));
}
