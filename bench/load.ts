/**
 * `node bench/load.ts`: how long the bundle takes to load in a new process, what CPU time and memory it costs. Arguments name other bundles'
 * entry points to compare; they are loaded in turn, so that a busy machine slows all of them alike.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

const ROUNDS = 11;
/** A new instance loads the app before its first invocation; the goal leaves most of a second's cold start to the platform. */
const GOAL_MS = 300;
/** Loads nothing: what Node itself takes. */
const NOTHING = 'data:text/javascript,';

/** What one load cost. */
export interface LoadCost {
  /** Length of the `import()`, in ms. */
  readonly ms: number;
  /** CPU time of the process in user code during the `import()`, in ms: unlike `ms`, other processes do not lengthen it much. */
  readonly userMs: number;
  /** Memory of the process after it, in MiB. */
  readonly rssMb: number;
  /** How many functions registered. */
  readonly functions: number;
}

// Plain JavaScript, because stripping types would add to the child's memory. It stands in for the worker, which alone has the core module.
const CHILD = `
import { registerHooks } from 'node:module';
globalThis.registered = 0;
const core = 'class Disposable { dispose() {} }' +
  'module.exports = { version: "0", Disposable, registerHook: () => new Disposable(), setProgrammingModel() {}, registerFunction() { globalThis.registered += 1; } };';
registerHooks({
  resolve: (name, context, next) => name === '@azure/functions-core' ? { url: 'stand-in:core', format: 'commonjs', shortCircuit: true } : next(name, context),
  load: (url, context, next) => url === 'stand-in:core' ? { format: 'commonjs', source: core, shortCircuit: true } : next(url, context),
});
const cpu = process.cpuUsage();
const start = performance.now();
await import(process.argv[1]);
const ms = performance.now() - start;
const userMs = process.cpuUsage(cpu).user / 1000;
process.stdout.write(JSON.stringify({ ms, userMs, rssMb: process.memoryUsage.rss() / 2 ** 20, functions: globalThis.registered }), () => process.exit(0));
`;

// Good settings, or the app registers only its timer; nothing is asked of these addresses while it loads.
const SETTINGS = {
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  TELEMESSAGE_BASE_URL: 'https://telemessage.invalid',
  TELEMESSAGE_USERNAME: 'nobody',
  TELEMESSAGE_PASSWORD: 'nothing',
};

/**
 * Loads an entry point in a process of its own.
 *
 * @param entry - Path of the file, or a URL.
 * @throws Error with what the process said where the entry point does not load.
 */
export async function measureLoadCost(entry: string): Promise<LoadCost> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', CHILD, entry], {
    env: { PATH: process.env['PATH'], ...SETTINGS },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [said, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`${entry} does not load:\n${said}${complaint}`);
  return JSON.parse(said) as LoadCost;
}

/**
 * Loads entry points in turn, round after round.
 *
 * @returns for each of them its costs, one a round.
 */
export async function compareLoadCosts(entries: readonly string[], rounds: number): Promise<ReadonlyMap<string, readonly LoadCost[]>> {
  const costs = new Map<string, LoadCost[]>(entries.map((entry) => [entry, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [entry, found] of costs) found.push(await measureLoadCost(entry));
  }
  return costs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function summarise(costs: readonly LoadCost[]): Record<string, number> {
  return {
    'median ms': Math.round(median(costs.map(({ ms }) => ms))),
    'worst ms': Math.round(Math.max(...costs.map(({ ms }) => ms))),
    'user CPU ms': Math.round(median(costs.map(({ userMs }) => userMs))),
    'RSS MiB': Math.round(median(costs.map(({ rssMb }) => rssMb))),
    functions: costs[0]?.functions ?? 0,
  };
}

async function main(): Promise<void> {
  const given = process.argv.slice(2).map((path) => resolve(path));
  const entries = given.length > 0 ? given : [join(import.meta.dirname, '../dist/functions/main.js')];
  const missing = entries.find((entry) => !existsSync(entry));
  if (missing !== undefined) throw new Error(`There is no ${missing}: run npm run build first.`);
  const costs = await compareLoadCosts([NOTHING, ...entries], ROUNDS);
  console.log(`Load in a new process, ${ROUNDS} times each in turn, Node ${process.version}:`);
  console.table(Object.fromEntries([...costs].map(([entry, found]) => [entry === NOTHING ? '(nothing)' : entry, summarise(found)])));
  for (const entry of entries) {
    if (costs.get(entry)?.some(({ functions }) => functions === 0)) throw new Error(`${entry} registers no function: that is not the app.`);
    const ms = median((costs.get(entry) ?? []).map((cost) => cost.ms));
    console.log(`${entry}: ${ms <= GOAL_MS ? 'within' : 'above'} the goal of ${GOAL_MS} ms`);
  }
}

if (process.argv[1] === import.meta.filename) await main();
