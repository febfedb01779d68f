/** The audit log: complete, in one chain, and any tampering is found. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAuditLog } from '../../shared/audit/audit-log.ts';
import { useWorlds } from '../support/use-worlds.ts';
import { sms, type World } from '../support/world.ts';

describe('audit log', () => {
  const inAnyWorld = useWorlds();
  const withWorld = (work: (world: World) => Promise<void>) => inAnyWorld({}, work);

  async function readLines(world: World): Promise<{ event: string; [field: string]: unknown }[]> {
    const lines = [];
    for await (const { text } of world.pipeline.audit.lines()) lines.push(JSON.parse(text) as { event: string });
    return lines;
  }

  /** Replaces a day's blob, as somebody with the rights to it could. */
  async function tamper(world: World, change: (lines: string[]) => string[]): Promise<string> {
    const { audit } = world.pipeline.storage.containers;
    for await (const { name } of audit.listBlobsFlat()) {
      const blob = audit.getAppendBlobClient(name);
      const lines = (await blob.downloadToBuffer()).toString().trimEnd().split('\n');
      const changed = `${change(lines).join('\n')}\n`;
      await blob.create();
      await blob.appendBlock(changed, Buffer.byteLength(changed));
      return name;
    }
    throw new Error('there is no audit log');
  }

  test('every state change of an item is in it, in the order in which it happened', () =>
    withWorld(async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      const lines = await readLines(world);
      assert.deepEqual(
        lines.map(({ event }) => event),
        ['run.begun', 'items.listed', 'run.listed', 'item.staged', 'deliveries.ended', 'item.ended', 'run.completed'],
      );
      assert.deepEqual(await world.pipeline.audit.verify(), { lines: 7 });
      assert.equal(/hello|contoso|16175550/.test(JSON.stringify(lines)), false, 'the log tells something of the item');
    }));

  test('one chain goes through several days', () =>
    withWorld(async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      world.advance(86_400_000);
      await world.day();
      const names = [];
      for await (const { name } of world.pipeline.storage.containers.audit.listBlobsFlat()) names.push(name);
      assert.equal(names.length, 2);
      assert.equal((await world.pipeline.audit.verify()).broken, undefined);
    }));

  test('two instances that write at the same time make one chain with every event in it', () =>
    withWorld(async (world) => {
      const { containers } = world.pipeline.storage;
      const logs = [0, 1].map(() => createAuditLog(containers.audit, 'enterprise-number', world.now));
      await Promise.all(
        logs.flatMap((log, instance) =>
          Array.from({ length: 40 }, (_, index) => log.record({ event: 'test', id: `${instance}-${index}` })),
        ),
      );
      const first = logs[0];
      assert.ok(first);
      assert.deepEqual(await first.verify(), { lines: 80 });
      assert.equal(new Set((await readLines(world)).map(({ id }) => id)).size, 80);
    }));

  for (const [name, change, line] of [
    ['an edit', (lines: string[]) => lines.with(3, (lines[3] ?? '').replace(/"size":\d+/, '"size":1')), 5],
    ['a deletion', (lines: string[]) => lines.toSpliced(2, 1), 3],
    ['a reordering', (lines: string[]) => lines.with(2, lines[3] ?? '').with(3, lines[2] ?? ''), 3],
    ['an insertion', (lines: string[]) => lines.toSpliced(4, 0, lines[3] ?? ''), 5],
    ['a line that is no line of the log', (lines: string[]) => lines.with(1, 'nothing'), 2],
  ] as const) {
    test(`${name} is found, and the first broken line is named`, () =>
      withWorld(async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        const blob = await tamper(world, change);
        const { broken } = await world.pipeline.audit.verify();
        assert.deepEqual({ blob: broken?.blob, line: broken?.line }, { blob, line });
      }));
  }

  test('lines cut off at the end are found by the head that the runs keep', () =>
    withWorld(async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      await tamper(world, (lines) => lines.slice(0, -1));
      assert.match((await world.pipeline.audit.verify(await world.pipeline.ledger.runs.auditCheckpoints())).broken?.problem ?? '', /ends/);
    }));
});
