/**
 * kill -9 of the running app before and after every durable step of a day: nothing is lost, nothing arrives twice.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startHostProcess, type HostProcess } from '../../local/host/start-host-process.ts';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { isOpen } from '../../shared/ledger/run-ledger.ts';
import { makeWorld, people, startStorage, type World } from '../support/world.ts';
import { checkRecords, checkWorld, type Checked } from './check-world.ts';
import { startFaultProxy, type Fault, type FaultProxy, type Step } from './fault-proxy.ts';
import { dayOfTrouble, ordinaryDay, type Life } from './lives.ts';
import { MAX_ITEM_BYTES } from './make-items.ts';
import { durableSteps, hostSteps, hostStepsOfTrouble, stepsOfTheDay, stepsOfTrouble } from './steps.ts';

const project = resolve(import.meta.dirname, '../..');
/** Worlds at one time: much of each is waiting for leases to end. */
const LANES = 4;
const LEASE_MS = 1_500;
const LONGEST_MS = 180_000;
/** Longer than any item of these days takes while nothing is killed. */
const STUCK_MS = 20_000;
/** Steps that come only when the app was killed at another one before. */
const LEADING_TO: ReadonlyMap<string, string> = new Map([['table deliveries doubted', 'graph create-message']]);

interface Run {
  readonly host: HostProcess;
  readonly proxy: FaultProxy;
}

/** What stands still, for whoever reads a failure. */
async function describeState({ pipeline, log }: World): Promise<string> {
  const { ledger, storage } = pipeline;
  const runs = (await ledger.runs.all()).filter(isOpen);
  const state: unknown[] = [...runs];
  for (const { runId } of runs) {
    for await (const row of ledger.items.ofRun(runId)) {
      const { contentKey = '' } = row;
      state.push(row, ...(contentKey === '' ? [] : await ledger.deliveries.of({ runId, contentKey })));
    }
  }
  for await (const parked of ledger.items.parked()) state.push(parked);
  for (const [name, queue] of Object.entries(storage.queues)) state.push([name, (await queue.getProperties()).approximateMessagesCount]);
  return [...state.map((one) => JSON.stringify(one)), ...log.slice(-20)].join('\n');
}

describe('kill -9', { concurrency: LANES }, () => {
  let storage: Azurite;
  before(async () => {
    storage = await startStorage();
  });
  after(() => storage.stop());

  /** Starts the app behind a proxy; the plan may kill it. */
  async function launch(world: World, life: Life, plan: (step: Step) => Fault | undefined): Promise<Run> {
    life.begin(world);
    // oxlint-disable-next-line prefer-const -- the proxy is there first and kills what is started after it.
    let host: HostProcess | undefined;
    const proxy = await startFaultProxy({
      connectionString: world.connectionString,
      graphUrl: world.graph.baseUrl,
      teleMessageUrl: world.teleMessage.baseUrl.href,
      plan,
      onCrash: async () => {
        await host?.kill();
      },
    });
    const hostJson = JSON.parse(await readFile(resolve(project, 'host.json'), 'utf8')) as {
      readonly extensions: { readonly queues: object };
    };
    host = await startHostProcess({
      entry: resolve(import.meta.dirname, 'app.ts'),
      hostJson: { ...hostJson, extensions: { ...hostJson.extensions, queues: { ...hostJson.extensions.queues, ...life.queues } } },
      environment: {
        ...proxy.settings,
        TELEMESSAGE_USERNAME: 'user',
        TELEMESSAGE_PASSWORD: 'pass',
        GRAPH_AUTH: 'none',
        MAX_ITEM_BYTES: String(MAX_ITEM_BYTES),
        VERIFY_SHARE: '1',
      },
      leaseMs: LEASE_MS,
      onUnexpectedEnd: () => undefined,
    });
    return { host, proxy };
  }

  /** Works until every run is complete, or the app is dead. */
  async function work({ host, proxy }: Run, world: World, life: Life): Promise<void> {
    const deadline = Date.now() + LONGEST_MS;
    let openSince = Date.now();
    // A dead app's errors are what this is about, and a living one's next round repeats what failed.
    const attempt = <Result>(task: Promise<Result>) => task.catch(() => undefined);
    while (!proxy.crashed) {
      if (Date.now() >= deadline) assert.fail(`the day does not end: ${await describeState(world)}`);
      await attempt(host.trigger('listDailyItems'));
      if (!proxy.crashed) await attempt(host.drain());
      if (!proxy.crashed) await life.drained(world);
      if (!proxy.crashed) await attempt(host.trigger('sweepRuns'));
      if (proxy.crashed) break;
      const runs = await world.pipeline.ledger.runs.all();
      if (runs.length > 0 && !runs.some(isOpen)) {
        openSince = Date.now();
        if ((await attempt(life.tend(world, host))) === true) break;
      } else if (Date.now() - openSince > STUCK_MS) {
        openSince = Date.now();
        await attempt(life.askAgain(world, host));
      }
      await delay(200);
    }
  }

  async function end({ host, proxy }: Run, world: World): Promise<void> {
    if (proxy.crashed) {
      await host.ended;
      await proxy.idle();
      // The dead app's lease would end by itself, within 15 s.
      const lock = world.pipeline.storage.containers.reports.getBlobClient('locks/enterprise-number');
      await lock
        .getBlobLeaseClient()
        .breakLease(0)
        .catch(() => undefined);
    } else {
      await host.stop();
    }
    await proxy.close();
  }

  /** Starts the app, and works until the life is over or the app is dead. @returns whether it died. */
  async function goOn(world: World, life: Life, plan: (step: Step) => Fault | undefined): Promise<boolean> {
    const run = await launch(world, life, plan);
    try {
      await work(run, world, life);
    } finally {
      await end(run, world);
    }
    return run.proxy.crashed;
  }

  /** A life in a world of its own, in which the app is killed as often as there are targets. @returns the durable steps that were seen. */
  async function live(life: Life, targets: readonly { readonly step: string; readonly when: 'before' | 'after' }[]): Promise<Set<string>> {
    const world = await makeWorld({ storage, startsAt: new Date().toISOString(), settings: { MAX_ITEM_BYTES: String(MAX_ITEM_BYTES) } });
    const seen = new Set<string>();
    try {
      const { items } = life;
      for (const [index, { id, eml }] of items.entries()) {
        world.teleMessage.addItem(id, () => eml, new Date(Date.now() - 3_600_000 + index));
      }
      for (const { step, when } of targets) {
        const isDead = await goOn(world, life, ({ name }) => (name === step ? { kind: 'crash', when } : undefined));
        assert.ok(isDead, `the day came to its end without the step ${step}`);
      }
      await goOn(world, life, ({ name, durable }) => {
        if (durable) seen.add(name);
        return undefined;
      });
      const checked: Checked = {
        pipeline: world.pipeline,
        items,
        mailboxes: people.map(({ mail }) => mail),
        mailbox: (address, folder) => world.mailbox(address, folder),
      };
      await checkWorld(checked);
      await checkRecords(checked);
      assert.deepEqual(world.graph.requests.warnings, []);
    } finally {
      await world.close();
    }
    return seen;
  }

  for (const [name, makeLife, steps] of [
    ['a day', ordinaryDay, [...stepsOfTheDay, ...hostSteps]],
    ['a day of trouble', dayOfTrouble, [...stepsOfTrouble, ...hostStepsOfTrouble]],
  ] as const) {
    test(`every durable step of ${name} is in the tables of steps.ts`, async () => {
      const seen = await live(makeLife(), []);
      // The host renews the lease of a message that takes long: it depends on the machine whether one does.
      const renewals = ['queue download-items update', 'queue import-items update'];
      const known = new Set<string>([...durableSteps, ...hostSteps, ...hostStepsOfTrouble, ...renewals]);
      assert.deepEqual(
        [...seen].filter((step) => !known.has(step)),
        [],
      );
    });

    for (const step of steps) {
      test(`before and after: ${step}`, async () => {
        const before = LEADING_TO.get(step);
        await live(makeLife(), [
          ...(before === undefined ? [] : [{ step: before, when: 'after' } as const]),
          { step, when: 'before' },
          { step, when: 'after' },
        ]);
      });
    }
  }
});
