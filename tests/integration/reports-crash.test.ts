/** Reports and reconciliations survive a crash before and after each of their writes, and are whole and the same afterwards. @module */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import type { Pipeline } from '../../shared/pipeline/pipeline.ts';
import { advanceReconciliations, startReconciliation } from '../../shared/pipeline/reconcile-run.ts';
import { readState } from '../../shared/pipeline/reconcile-state.ts';
import { writeRunReport } from '../../shared/reports/write-run-report.ts';
import { makeWorld, sms, startStorage, type World } from '../support/world.ts';

const RUN = 'enterprise-number-000001';
const DAY = '2026-11-23';
const WRITES = new Set(['upload', 'stageBlock', 'commitBlockList']);

class Crash extends Error {}

/** The pipeline of a process that ends at its n-th write to the reports: just before it takes effect, or just after. */
function crashing(pipeline: Pipeline, at: number, moment: 'before' | 'after'): Pipeline {
  let writes = 0;
  const watch = <Target extends object>(
    target: Target,
    replace: (name: string, value: (...args: unknown[]) => unknown) => unknown,
  ): Target =>
    new Proxy(target, {
      get(_, name) {
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? replace(String(name), value.bind(target) as (...args: unknown[]) => unknown) : value;
      },
    });
  const blob = (client: BlockBlobClient, name: string) =>
    watch(client, (method, call) => {
      // The lease is no write of the report: a crash leaves it to end by itself.
      if (!WRITES.has(method) || name.startsWith('locks/')) return call;
      return async (...args: unknown[]) => {
        writes += 1;
        if (writes > at || (writes === at && moment === 'before')) throw new Crash('the process ended');
        const answer = await call(...args);
        if (writes === at) throw new Crash('the process ended');
        return answer;
      };
    });
  const reports: ContainerClient = watch(pipeline.storage.containers.reports, (method, call) =>
    method === 'getBlockBlobClient' ? (name: string) => blob(call(name) as BlockBlobClient, name) : call,
  );
  return { ...pipeline, storage: { ...pipeline.storage, containers: { ...pipeline.storage.containers, reports } } };
}

describe('a crash', () => {
  let storage: Azurite;
  before(async () => {
    storage = await startStorage();
  });
  after(() => storage.stop());

  async function withWorld(work: (world: World) => Promise<void>): Promise<void> {
    const world = await makeWorld({ storage });
    try {
      for (let item = 0; item < 6; item += 1) {
        world.add(
          `x${item}`,
          sms({ id: `x${item}`, ...(item % 2 === 0 ? {} : { from: 'N <n@elsewhere.example>', to: 'M <m@elsewhere.example>' }) }),
        );
      }
      world.add('again', sms({ id: 'x0' }));
      await world.list();
      await world.work();
      await work(world);
    } finally {
      await world.close();
    }
  }
  /** Text of every report file, without the times at which it was written. */
  const files = async (world: World): Promise<Record<string, string>> => {
    const { reports } = world.pipeline.storage.containers;
    const texts: Record<string, string> = {};
    for await (const { name } of reports.listBlobsFlat({ prefix: `${DAY}/` })) {
      texts[name] = (await reports.getBlobClient(name).downloadToBuffer())
        .toString()
        .replaceAll(/"(written|started|finished)At":"[^"]*"/g, '');
    }
    return texts;
  };
  const clear = async (world: World) => {
    const { reports } = world.pipeline.storage.containers;
    for await (const { name } of reports.listBlobsFlat()) if (!name.startsWith('locks/')) await reports.deleteBlob(name);
  };
  /** @returns whether the process ended on the way. */
  const ends = async (work: () => Promise<unknown>) => {
    try {
      await work();
      return false;
    } catch (error) {
      assert.match(String(error), /the process ended/);
      return true;
    }
  };

  /** Does the work undisturbed, then once for each of its writes with a crash there, and expects the same files each time. */
  async function crashEverywhere(
    world: World,
    begin: () => Promise<unknown>,
    goOn: (pipeline: Pipeline) => Promise<unknown>,
    leastWrites: number,
  ): Promise<void> {
    await begin();
    await goOn(world.pipeline);
    const expected = await files(world);
    for (const moment of ['before', 'after'] as const) {
      for (let at = 1; ; at += 1) {
        assert.ok(at < 100, 'it never got through');
        await clear(world);
        await begin();
        const crashed = await ends(() => goOn(crashing(world.pipeline, at, moment)));
        if (crashed) await goOn(world.pipeline);
        assert.deepEqual(await files(world), expected, `after a crash ${moment} write ${at}`);
        if (crashed) continue;
        assert.ok(at > leastWrites, `only ${at - 1} writes were tried`);
        break;
      }
    }
  }

  test('at any write of a run’s report leaves one whole report', () =>
    withWorld(async (world) => {
      const [run] = await world.pipeline.ledger.runs.all();
      assert.ok(run);
      // Three files: a block and a commit each.
      await crashEverywhere(
        world,
        async () => undefined,
        (pipeline) => writeRunReport(pipeline, run),
        6,
      );
      assert.equal(Object.keys(await files(world)).length, 3);
    }));

  test('at any write of a reconciliation leaves one whole reconciliation', () =>
    withWorld(async (world) => {
      for (const id of ['x0', 'x3', 'again']) {
        const row = await world.pipeline.ledger.items.find(id);
        await world.pipeline.storage.containers.items.deleteBlob(`${RUN}/${row?.itemKey}.eml`);
      }
      await crashEverywhere(
        world,
        () => startReconciliation(world.pipeline, RUN, 'tester'),
        async (pipeline) => {
          // Three items at a time: each step is written down.
          while ((await advanceReconciliations(pipeline, 3)) > 0);
        },
        8,
      );
      const texts = await files(world);
      assert.deepEqual(Object.keys(texts), [`${DAY}/${RUN}-reconciliation-1.csv`, `${DAY}/${RUN}-reconciliation-1.json`]);
      assert.equal(texts[`${DAY}/${RUN}-reconciliation-1.csv`]?.match(/raw-item-missing/g)?.length, 3);
      assert.ok((await readState(world.pipeline, RUN))?.state.finishedAt);
    }));
});
