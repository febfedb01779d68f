/** The audit log: complete, in one chain, and any tampering is found. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AppendBlobClient, ContainerClient } from '@azure/storage-blob';
import { keepAuditHead } from '../../shared/audit/keep-head.ts';
import { createAuditLog } from '../../shared/audit/audit-log.ts';
import { createTurns } from '../../shared/audit/take-turns.ts';
import { drainPoison } from '../../shared/pipeline/drain-poison.ts';
import { readImportMessage } from '../../shared/pipeline/messages.ts';
import { changeLimits } from '../support/change-limits.ts';
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

  /** Replaces a blob of the log, as somebody with the rights to it could. @returns its name. */
  async function tamper(world: World, change: (lines: string[]) => string[], index = 0): Promise<string> {
    const { audit } = world.pipeline.storage.containers;
    const name = (await blobNames(world))[index];
    assert.ok(name, 'there is no such blob');
    const blob = audit.getAppendBlobClient(name);
    const { metadata = {} } = await blob.getProperties();
    const lines = (await blob.downloadToBuffer()).toString().trimEnd().split('\n');
    const changed = `${change(lines).join('\n')}\n`;
    await blob.create({ metadata });
    await blob.appendBlock(changed, Buffer.byteLength(changed));
    return name;
  }

  async function blobNames(world: World): Promise<string[]> {
    const names = [];
    for await (const { name } of world.pipeline.storage.containers.audit.listBlobsFlat()) names.push(name);
    return names;
  }

  /** Appends to the newest blob what no archiver wrote. */
  async function appendForeign(world: World, text: string): Promise<string> {
    const name = (await blobNames(world)).at(-1) ?? '';
    await world.pipeline.storage.containers.audit.getAppendBlobClient(name).appendBlock(text, Buffer.byteLength(text));
    return name;
  }

  /** A log as another instance has it, with nothing remembered. */
  const openLog = (world: World, container: ContainerClient = world.pipeline.storage.containers.audit, random?: () => number) =>
    createAuditLog(container, 'enterprise-number', world.now, world.pipeline.log, random);

  /** The container, with one of the requests to its blobs made otherwise. */
  const withAppends = (container: ContainerClient, append: (blob: AppendBlobClient) => AppendBlobClient['appendBlock']): ContainerClient =>
    new Proxy(container, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== 'getAppendBlobClient') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        return (blobName: string) => {
          const blob = target.getAppendBlobClient(blobName);
          blob.appendBlock = append(target.getAppendBlobClient(blobName));
          return blob;
        };
      },
    });

  const verify = async (world: World) => world.pipeline.audit.verify(await world.pipeline.ledger.runs.auditCheckpoints());
  const errorsOf = (world: World, event: string) => world.log.filter((line) => line.startsWith(`error ${event} `));
  const recordAll = (world: World, ...ids: string[]) => Promise.all(ids.map((id) => world.pipeline.audit.record({ event: 'test', id })));

  test('every state change of an item is in it, in the order in which it happened', () =>
    withWorld(async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      const lines = await readLines(world);
      assert.deepEqual(
        lines.map(({ event }) => event),
        ['run.begun', 'items.listed', 'run.listed', 'item.staged', 'deliveries.begun', 'deliveries.ended', 'item.ended', 'run.completed'],
      );
      const day = '2026-11-23';
      assert.deepEqual(await world.pipeline.audit.verify(), { from: day, to: day, lines: 8, first: 1, last: 8, brokenLinks: 0 });
      assert.equal(/hello|contoso|16175550/.test(JSON.stringify(lines)), false, 'the log tells something of the item');
    }));

  test('one chain goes through several days', () =>
    withWorld(async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      world.advance(86_400_000);
      await world.day();
      assert.equal((await blobNames(world)).length, 2);
      assert.equal((await world.pipeline.audit.verify()).broken, undefined);
    }));

  test('twenty instances that write all the time make one chain with every event in it once', () =>
    withWorld(async (world) => {
      const logs = Array.from({ length: 20 }, () => openLog(world));
      // Each event of a writer comes after the one before, so that the instances compete for every block.
      const writer = async (log: (typeof logs)[number], id: string) => {
        for (let count = 0; count < 5; count += 1) await log.record({ event: 'test', id: `${id}-${count}` });
      };
      await Promise.all(logs.flatMap((log, instance) => Array.from({ length: 24 }, (_, lane) => writer(log, `${instance}-${lane}`))));
      assert.equal((await world.pipeline.audit.verify()).broken, undefined);
      const ids = (await readLines(world)).map(({ id }) => id);
      assert.equal(ids.length, 2_400);
      assert.equal(new Set(ids).size, 2_400);
    }));

  test('an instance that comes too late sixty times gets its turn, and looks for the end of the log once', () =>
    withWorld(async (world) => {
      const { audit } = world.pipeline.storage.containers;
      const other = openLog(world);
      await other.record({ event: 'other' });
      let overtaken = 0;
      const container = withAppends(audit, (blob) => async (...request) => {
        if ((overtaken += 1) <= 60) await other.record({ event: 'other' });
        return blob.appendBlock(...request);
      });
      const list = audit.listBlobsFlat.bind(audit);
      let listings = 0;
      audit.listBlobsFlat = (...request) => {
        listings += 1;
        return list(...request);
      };
      const place = await openLog(world, container, () => 0).record({ event: 'ours' });
      assert.equal(place.sequence, 62);
      assert.equal(listings, 1);
      assert.equal((await world.pipeline.audit.verify()).broken, undefined);
    }));

  test('a writer waits longer the more often it comes too late, never when it is alone, and leaves gaps for a while', () => {
    let time = 0;
    const turns = createTurns(
      () => 0.5,
      () => time,
    );
    turns.won(5);
    assert.equal(turns.waitMs(), 0, 'alone');
    const waits = Array.from({ length: 12 }, () => {
      turns.lost(5);
      return turns.waitMs();
    });
    assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000, 1_000]);
    time += 990;
    assert.equal(turns.waitMs(), 10, 'time that has passed counts');
    for (let wins = 0; wins < 50; wins += 1) turns.won(30);
    assert.equal(turns.waitMs(), 30, 'as long as others need to read and append');
    time += 60_000;
    turns.won(30);
    assert.equal(turns.waitMs(), 0, 'alone again');
  });

  test('an instance that others never let by gives up in the end, and goes on when they do', (context) =>
    withWorld(async (world) => {
      changeLimits(context, { auditTurnMs: 50 });
      const other = openLog(world);
      let isOvertaken = true;
      const slow = openLog(
        world,
        withAppends(world.pipeline.storage.containers.audit, (blob) => async (...request) => {
          if (isOvertaken) await other.record({ event: 'other' });
          return blob.appendBlock(...request);
        }),
      );
      await assert.rejects(slow.record({ event: 'refused' }), /took no line of this instance/);
      isOvertaken = false;
      await slow.record({ event: 'taken' });

      const events = (await readLines(world)).map(({ event }) => event).filter((event) => event !== 'other');
      assert.deepEqual(events, ['taken']);
      assert.equal((await world.pipeline.audit.verify()).broken, undefined);
    }));

  test('a blob that has taken as many blocks as Azure allows is closed, and all instances go on in the next one', () =>
    withWorld(async (world) => {
      const { audit } = world.pipeline.storage.containers;
      const full = openLog(
        world,
        withAppends(audit, (blob) => async (...request) => ({ ...(await blob.appendBlock(...request)), blobCommittedBlockCount: 49_000 })),
      );
      const other = openLog(world);
      await other.record({ event: 'other' });
      await full.record({ event: 'last' });
      await full.record({ event: 'first' });
      await other.record({ event: 'second' });
      assert.deepEqual(
        await blobNames(world),
        ['1', '2'].map((part) => `enterprise-number/2026-11-23.000${part}.jsonl`),
      );
      assert.deepEqual(
        (await readLines(world)).map(({ event }) => event),
        ['other', 'last', 'log.continued', 'first', 'second'],
      );
      assert.equal((await world.pipeline.audit.verify()).broken, undefined);
    }));

  test('an append whose answer was lost, and after which another instance wrote, is not made again', () =>
    withWorld(async (world) => {
      const other = openLog(world);
      const unlucky = openLog(
        world,
        withAppends(world.pipeline.storage.containers.audit, (blob) => async (...request) => {
          await blob.appendBlock(...request);
          await other.record({ event: 'other' });
          // What the storage client does when it has no answer.
          return blob.appendBlock(...request);
        }),
      );
      assert.equal((await unlucky.record({ event: 'ours' })).sequence, 1);
      assert.deepEqual(
        (await readLines(world)).map(({ event }) => event),
        ['ours', 'other'],
      );
    }));

  for (const [name, change, line] of [
    ['an edit', (lines: string[]) => lines.with(3, (lines[3] ?? '').replace(/"size":\d+/, '"size":1')), 5],
    ['a deletion', (lines: string[]) => lines.toSpliced(2, 1), 3],
    ['a reordering', (lines: string[]) => lines.with(2, lines[3] ?? '').with(3, lines[2] ?? ''), 3],
    ['an insertion', (lines: string[]) => lines.toSpliced(4, 0, lines[3] ?? ''), 5],
    ['a line that is no line of the log', (lines: string[]) => lines.with(1, 'nothing'), 2],
    ...['null', '7', '[]', '{}', '{"sequence":"2"}', ''].map(
      (text) => [`a line that is ${text || 'empty'}`, (lines: string[]) => lines.with(1, text), 2] as const,
    ),
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

  for (const junk of ['junk\n', 'null\n', '\n', 'junk', 'more\njunk\n', '\xff\n']) {
    test(`the archiver writes on after somebody appended ${JSON.stringify(junk)}, and that is found`, () =>
      withWorld(async (world) => {
        await recordAll(world, 'before');
        const blob = await appendForeign(world, junk);
        await recordAll(world, 'after');
        await openLog(world).record({ event: 'test', id: 'another instance' });
        const { broken, last } = await world.pipeline.audit.verify();
        assert.deepEqual(broken, { blob, line: 2, problem: 'is not a line of the log' });
        assert.equal(last, 3, 'the lines after it are in the chain');
        assert.notEqual(errorsOf(world, 'audit.end-unreadable').length, 0);
        const lines = [];
        for await (const { text } of world.pipeline.audit.lines()) lines.push(text);
        assert.deepEqual(
          lines.filter((line) => line.includes('"test"')).map((line) => (JSON.parse(line) as { id: string }).id),
          ['before', 'after', 'another instance'],
        );
      }));
  }

  test('an instance that has not written yet writes on after junk', () =>
    withWorld(async (world) => {
      await recordAll(world, 'before');
      await appendForeign(world, 'junk\n');
      assert.equal((await openLog(world).record({ event: 'test' })).sequence, 2);
      assert.equal((await world.pipeline.audit.verify()).brokenLinks, 1);
    }));

  test('lines after a broken link are checked too, and junk cannot be taken away again unseen', () =>
    withWorld(async (world) => {
      await recordAll(world, 'a');
      await appendForeign(world, 'junk\n');
      await recordAll(world, 'b', 'c', 'd');
      assert.equal((await world.pipeline.audit.verify()).brokenLinks, 1);
      await tamper(world, (lines) => lines.with(3, (lines[3] ?? '').replace('"c"', '"x"')));
      assert.equal((await world.pipeline.audit.verify()).brokenLinks, 2);
      await tamper(world, (lines) => lines.toSpliced(1, 1));
      assert.equal((await world.pipeline.audit.verify()).broken?.line, 2);
    }));

  test('lines cut off at the end are found by the head that the runs keep', () =>
    withWorld(async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      await tamper(world, (lines) => lines.slice(0, -1));
      assert.match((await world.pipeline.audit.verify(await world.pipeline.ledger.runs.auditCheckpoints())).broken?.problem ?? '', /ends/);
    }));

  test('what is cut off after the last completed run is found by the head that the sweep keeps', () =>
    withWorld(async (world) => {
      await recordAll(world, 'a', 'b');
      await world.sweep();
      await recordAll(world, 'c', 'd');
      await world.sweep();
      const blob = await tamper(world, (lines) => lines.slice(0, -1));
      assert.deepEqual(((await verify(world)).broken ?? {}).line, 3);
      const kept = await world.pipeline.ledger.runs.auditHead();
      await world.sweep();
      assert.match(errorsOf(world, 'audit.broken').join('\n'), new RegExp(`"blob":"${blob}","line":4`));
      assert.deepEqual(await world.pipeline.ledger.runs.auditHead(), kept, 'the head that is gone from the log is kept');
      // Nor does the log look whole again once it has grown past the place.
      world.restart();
      await recordAll(world, 'e', 'f', 'g');
      assert.equal((await verify(world)).broken?.line, 4);
    }));

  test('the sweep finds and names a broken link by itself, once, and goes on to the end', () =>
    withWorld(async (world) => {
      await recordAll(world, 'a', 'b');
      await world.sweep();
      await recordAll(world, 'c', 'd', 'e');
      const blob = await tamper(world, (lines) => lines.with(3, (lines[3] ?? '').replace('"d"', '"x"')));
      await world.sweep();
      await world.sweep();
      const found = errorsOf(world, 'audit.broken');
      assert.equal(found.length, 1);
      assert.match(found[0] ?? '', new RegExp(`"blob":"${blob}","line":5`));
      assert.equal((await world.pipeline.ledger.runs.auditHead())?.sequence, 5);
    }));

  test('a broken link is counted for the alert', () =>
    withWorld(async (world) => {
      await recordAll(world, 'a', 'b', 'c');
      await tamper(world, (lines) => lines.with(1, (lines[1] ?? '').replace('"b"', '"x"')));
      const counted: unknown[] = [];
      const { pipeline } = world;
      await keepAuditHead({ ...pipeline, telemetry: { ...pipeline.telemetry, count: (...measured) => void counted.push(measured) } });
      assert.deepEqual(counted, [['archive.audit.broken', 1]]);
    }));

  test('a log that is longer than one sweep follows is followed by the next ones, over several days', (context) =>
    withWorld(async (world) => {
      changeLimits(context, { auditSweepLines: 2 });
      await recordAll(world, 'a', 'b', 'c');
      world.advance(86_400_000);
      await recordAll(world, 'd');
      const heads = [];
      for (let sweep = 0; sweep < 4; sweep += 1) {
        await world.sweep();
        heads.push((await world.pipeline.ledger.runs.auditHead())?.sequence);
      }
      // Between c and d stands the line that names the next blob.
      assert.deepEqual(heads, [2, 4, 5, 5]);
      assert.deepEqual(errorsOf(world, 'audit.broken'), []);
    }));

  test('of two sweeps at once the slower one does not move the kept head back', () =>
    withWorld(async (world) => {
      const { runs } = world.pipeline.ledger;
      await recordAll(world, 'a');
      await world.sweep();
      const seen = await runs.auditHead();
      assert.ok(seen);
      await recordAll(world, 'b');
      await world.sweep();
      await runs.keepAuditHead(seen, seen);
      assert.equal((await runs.auditHead())?.sequence, 2);
    }));

  describe('some days', () => {
    const [first, second, third] = ['2026-11-23', '2026-11-24', '2026-11-25'];
    /** Three days of two events each; the last line of a day but the last names the next blob. */
    const withThreeDays = (work: (world: World) => Promise<void>) =>
      withWorld(async (world) => {
        for (const day of [first, second, third]) {
          if (day !== first) world.advance(86_400_000);
          await recordAll(world, `${day}-1`, `${day}-2`);
        }
        await work(world);
      });
    const days = async (world: World, from?: string, to?: string) =>
      world.pipeline.audit.verify(await world.pipeline.ledger.runs.auditCheckpoints(), { from, to });

    for (const [name, from, to, expected] of [
      ['from a day on', second, undefined, { from: second, first: 4, to: third, last: 8, lines: 5 }],
      ['up to a day', undefined, second, { from: first, first: 1, to: second, last: 6, lines: 6 }],
      ['one day', second, second, { from: second, first: 4, to: second, last: 6, lines: 3 }],
      ['days without a log', '2027-01-01', '2027-01-31', { lines: 0 }],
    ] as const) {
      test(`${name}: it says what it has checked`, () =>
        withThreeDays(async (world) => {
          assert.deepEqual(await days(world, from, to), { ...expected, brokenLinks: 0 });
        }));
    }

    test('what was altered on another day is not looked for', () =>
      withThreeDays(async (world) => {
        await tamper(world, (lines) => lines.with(0, (lines[0] ?? '').replace('-1"', '-x"')));
        assert.equal((await days(world, second, third)).broken, undefined);
        assert.equal((await days(world, first, first)).broken?.line, 2);
      }));

    test('a day that does not follow the day before it is found', () =>
      withThreeDays(async (world) => {
        const [, blob] = await blobNames(world);
        await tamper(world, (lines) => lines.slice(0, -1));
        assert.deepEqual((({ blob, line }) => ({ blob, line }))((await days(world, second, second)).broken ?? { blob: '', line: 0 }), {
          blob,
          line: 1,
        });
      }));

    test('lines cut off at the end of the last day asked for are found by the day after it', () =>
      withThreeDays(async (world) => {
        await tamper(world, (lines) => lines.slice(0, -1), 1);
        assert.equal((await days(world, second, second)).broken?.blob, (await blobNames(world))[2]);
      }));

    test('lines cut off at the end of the log are found by the kept head', () =>
      withThreeDays(async (world) => {
        await world.sweep();
        await tamper(world, (lines) => lines.slice(0, -1), 2);
        assert.match((await days(world, third)).broken?.problem ?? '', /ends/);
        assert.equal((await days(world, first, second)).broken, undefined);
      }));

    test('a day before that was written anew with hashes that fit is found by a checkpoint', () =>
      withThreeDays(async (world) => {
        world.advance(86_400_000);
        const place = await world.pipeline.audit.record({ event: 'test', id: 'fourth day' });
        const last = (await blobNames(world)).at(-1) ?? '';
        const before = { sequence: place.sequence - 1, hash: 'f'.repeat(64) };
        const { broken } = await world.pipeline.audit.verify([before], { from: '2026-11-26' });
        assert.deepEqual({ blob: broken?.blob, line: broken?.line }, { blob: last, line: 1 });
      }));
  });

  test('the intent of deliveries is in the log before it is in the ledger, without an address', () =>
    withWorld(async (world) => {
      const group = { runId: 'enterprise-number-000001', contentKey: 'a'.repeat(40) };
      const mailboxes = ['1', '2'].map((id) => ({ id, address: `${id}@contoso.example` }));
      await world.pipeline.storage.tables.deliveries.deleteTable();
      await assert.rejects(world.pipeline.ledger.deliveries.begin(group, mailboxes));
      const [{ event, runId, contentKey, attempt, mailboxIds } = { event: '' }, ...more] = await readLines(world);
      assert.deepEqual({ event, runId, contentKey, mailboxIds }, { event: 'deliveries.begun', ...group, mailboxIds: ['1', '2'] });
      assert.match(String(attempt), /^[0-9a-f-]{36}$/);
      assert.deepEqual(more, [], 'one line for all mailboxes');
    }));

  test('taking a delivery up and putting it back to work are in the log', () =>
    withWorld(async (world) => {
      const { deliveries } = world.pipeline.ledger;
      const group = { runId: 'enterprise-number-000001', contentKey: 'b'.repeat(40) };
      const mailbox = { id: '1', address: '1@contoso.example' };
      await deliveries.begin(group, [mailbox]);
      const [row] = await deliveries.of(group);
      const hold = await deliveries.resume(group, { mailbox, row });
      assert.ok(hold);
      await deliveries.ended(group, [{ mailbox, state: 'failed', reason: 'mailbox-full', hold }]);
      await deliveries.reopened(group);
      // Nothing has failed any more, so nothing changes.
      await deliveries.reopened(group);
      const lines = await readLines(world);
      assert.deepEqual(
        lines.map(({ event }) => event),
        ['deliveries.begun', 'deliveries.resumed', 'deliveries.ended', 'deliveries.reopened'],
      );
      assert.deepEqual(
        lines.map(({ attempt }) => attempt === hold.attempt),
        [false, true, false, false],
      );
      assert.equal(/contoso/.test(JSON.stringify(lines)), false);
    }));

  test('a message that names no item is in the log when it is parked', () =>
    withWorld(async (world) => {
      await drainPoison(world.pipeline, 'import-items', { nonsense: 'secret' }, readImportMessage);
      const [line] = await readLines(world);
      assert.deepEqual([line?.event, line?.['queue'], line?.['reason']], ['message.parked', 'import-items', 'bad-queue-message']);
      assert.equal(/secret/.test(JSON.stringify(line)), false);
    }));
});
