/**
 * `npm run bench -- floor`: what the pipeline costs, beside what nothing can do without. Storage and simulators run in other processes.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createArchiver } from '../shared/archiver.ts';
import { readSettings } from '../shared/config.ts';
import { ensureStorage } from '../shared/storage/storage.ts';
import { startHostProcess } from '../local/host/start-host-process.ts';
import { forkChild } from '../local/processes/fork-child.ts';
import { runDay } from '../local/run-days.ts';
import { startSimulators } from '../local/start-simulators.ts';
import { startAzurite, type AzuriteRequests } from '../local/storage/start-azurite.ts';
import type { FloorArguments } from './floor-process.ts';
import { makeItems, users } from './make-items.ts';
import { processUsage } from './process-usage.ts';

interface Measured {
  readonly name: string;
  readonly items: number;
  readonly cpuMsPerItem: number;
  readonly itemsPerSecond: number;
  readonly storagePerItem: number;
  readonly graphPerItem: number;
  readonly peakMb: number;
}

const project = resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({ allowPositionals: true, options: { items: { type: 'string', default: '1000' } } });
if (positionals.join() !== 'floor') {
  console.error('Usage: npm run bench -- floor [--items N]');
  process.exit(2);
}
const count = Number(values.items);
const folder = await mkdtemp(join(tmpdir(), 'archiver-bench-'));
const items = join(folder, 'items');
const directory = join(folder, 'directory.json');
await makeItems(items, count);
await writeFile(directory, JSON.stringify(users));

const die = (error: Error) => {
  console.error(error.message);
  process.exit(1);
};
const sum = (requests: AzuriteRequests) => requests.blob + requests.queue + requests.table;

async function withSurroundings(
  name: string,
  run: (at: {
    connectionString: string;
    teleMessageUrl: string;
    graphUrl: string;
  }) => Promise<Omit<Measured, 'name' | 'storagePerItem' | 'graphPerItem'>>,
): Promise<Measured> {
  const azurite = await startAzurite({ folder: join(folder, `${name}-storage`), onUnexpectedEnd: die });
  const simulators = await startSimulators(
    {
      items,
      arrivals: join(folder, `${name}-arrivals.json`),
      archiver: 'enterprise-number',
      username: 'sample',
      password: 'sample-password',
      withLargeItem: false,
      directory,
      mailboxes: join(folder, `${name}-mailboxes`),
    },
    die,
  );
  const result = await run({ connectionString: azurite.connectionString, ...simulators });
  const storage = sum(await azurite.requests());
  const graph = (await (await fetch(new URL('/__simulator/requests', simulators.graphUrl))).json()) as { counts: Record<string, number> };
  await azurite.stop();
  await simulators.stop();
  const creates = Object.values(graph.counts).reduce((one, other) => one + other, 0);
  return { name, ...result, storagePerItem: storage / result.items, graphPerItem: creates / result.items };
}

function floor(hops: number): Promise<Measured> {
  return withSurroundings(`floor, ${hops} queue${hops === 1 ? '' : 's'}`, ({ connectionString, teleMessageUrl, graphUrl }) => {
    const given: FloorArguments = { connectionString, teleMessageUrl, graphUrl, hops, concurrency: 24 };
    return new Promise((done, failed) => {
      const child = forkChild(fileURLToPath(import.meta.resolve('./floor-process.ts')), {
        name: 'the floor',
        args: [JSON.stringify(given)],
        onMessage: (message) => {
          const { seconds, cpuMs, peakMb, items } = message as { seconds: number; cpuMs: number; peakMb: number; items: number };
          done({ items, cpuMsPerItem: cpuMs / items, itemsPerSecond: items / seconds, peakMb });
          void child.stop();
        },
        onUnexpectedEnd: failed,
      });
    });
  });
}

function pipeline(): Promise<Measured> {
  return withSurroundings('pipeline', async ({ connectionString, teleMessageUrl, graphUrl }) => {
    const environment = {
      AzureWebJobsStorage: connectionString,
      TELEMESSAGE_BASE_URL: teleMessageUrl,
      TELEMESSAGE_USERNAME: 'sample',
      TELEMESSAGE_PASSWORD: 'sample-password',
      GRAPH_BASE_URL: graphUrl,
      GRAPH_AUTH: 'none',
      // A read-back is a second request by choice; what one costs is shown by the setting.
      VERIFY_SHARE: '0',
    };
    const archiver = createArchiver(readSettings(environment), {
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      now: () => new Date(),
      identity: () => {
        throw new Error('the benchmark has no identity');
      },
    });
    await ensureStorage(archiver.storage);
    let invocations = 0;
    const host = await startHostProcess({
      entry: join(project, 'dist', 'functions', 'main.js'),
      hostJson: JSON.parse(await readFile(join(project, 'host.json'), 'utf8')) as object,
      environment,
      onEvent: (event) => {
        if (event.kind === 'invocationEnded' && event.dequeueCount !== undefined) invocations += 1;
      },
      onUnexpectedEnd: die,
    });
    const began = performance.now();
    const before = await processUsage(host.pid);
    const complete = await runDay({
      host,
      ledger: archiver.ledger,
      invocations: () => invocations,
      onProblem: (problem) => console.error(problem),
    });
    const after = await processUsage(host.pid);
    const seconds = (performance.now() - began) / 1000;
    if (!complete) throw new Error('the run is not complete');
    await host.stop();
    return { items: count, cpuMsPerItem: (after.cpuMs - before.cpuMs) / count, itemsPerSecond: count / seconds, peakMb: after.peakMb };
  });
}

const measured = [await floor(1), await floor(2), await pipeline()];
await rm(folder, { recursive: true, force: true });
const [one, two, whole] = measured;
const row = (cells: readonly string[]) => cells.map((cell, at) => (at === 0 ? cell.padEnd(18) : cell.padStart(12))).join('');
console.log(row(['', 'CPU ms/item', 'items/s', 'storage/item', 'Graph/item', 'peak MB']));
for (const { name, cpuMsPerItem, itemsPerSecond, storagePerItem, graphPerItem, peakMb } of measured) {
  console.log(
    row([name, cpuMsPerItem.toFixed(1), itemsPerSecond.toFixed(0), storagePerItem.toFixed(1), graphPerItem.toFixed(2), peakMb.toFixed(0)]),
  );
}
const ratio = (base: Measured | undefined) => ((whole?.cpuMsPerItem ?? 0) / (base?.cpuMsPerItem ?? 1)).toFixed(2);
console.log(`\npipeline = ${ratio(one)} × floor with one queue, ${ratio(two)} × floor with the two queues of the fixed shape`);
const results = { command: `npm run bench -- floor --items ${count}`, node: process.version, cores: cpus().length, measured };
await writeFile(join(project, 'bench', 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
