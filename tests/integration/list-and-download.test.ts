/** Listing and download: every item of the source is recorded once and staged whole, or parked with a reason. @module */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { listReports } from '../../shared/reports/read-reports.ts';
import { listDailyItems } from '../../shared/pipeline/list-daily-items.ts';
import type { Pipeline } from '../../shared/pipeline/pipeline.ts';
import { stageItem } from '../../shared/storage/stage-item.ts';
import { changeLimits } from '../support/change-limits.ts';
import { useWorlds } from '../support/use-worlds.ts';
import { sms } from '../support/world.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Containers that tell when the lease of the listing is asked for. */
function tellOf(containers: Pipeline['storage']['containers'], tell: () => void): Pipeline['storage']['containers'] {
  const reports = new Proxy(containers.reports, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (name === 'getBlockBlobClient') tell();
        return value.apply(target, args) as unknown;
      };
    },
  });
  return { ...containers, reports };
}

describe('list and download', () => {
  const withWorld = useWorlds();

  test('a listing that breaks off goes on with the page where it broke off', async (context) => {
    changeLimits(context, { listPageItems: 2 });
    await withWorld({}, async (world) => {
      for (let item = 0; item < 7; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      world.teleMessage.setFaults([{ match: { kind: 'list' }, skip: 2, effect: { type: 'status', status: 500 } }]);
      await assert.rejects(world.list());
      assert.equal(world.teleMessage.requests.list, 3);
      await world.sweep();
      assert.equal(world.teleMessage.requests.list, 5, 'two pages were left');
      await world.work();
      await world.sweep();
      assert.deepEqual(
        (await world.report()).map(({ outcome }) => outcome),
        Array(7).fill('imported'),
      );
      const [run, ...others] = await world.pipeline.ledger.runs.all();
      assert.equal(others.length, 0);
      assert.deepEqual([run?.listed, run?.relisted, run?.completedAt !== undefined], [7, 0, true]);
    });
  });

  test('two starts at the same moment list the day once', () =>
    withWorld({}, async (world) => {
      for (let item = 0; item < 3; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      const other = world.pipeline;
      world.restart();
      await Promise.all([listDailyItems(other), world.list()]);
      // The one that came second waited for the lease and found a day without a new moment in it.
      assert.equal((await world.pipeline.ledger.runs.all()).length, 1);
      assert.equal(world.teleMessage.requests.list, 1);
      await world.work();
      assert.equal((await world.mailbox('ada@contoso.example')).length, 3);
    }));

  test('a start that waited while another one listed the day begins no second run of a few seconds', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      const { pipeline } = world;
      const listing = Promise.withResolvers<void>();
      const waiting = Promise.withResolvers<void>();
      const first: Pipeline = {
        ...pipeline,
        source: {
          ...pipeline.source,
          async listPage(...request) {
            listing.resolve();
            await waiting.promise;
            return pipeline.source.listPage(...request);
          },
        },
      };
      const starts = [listDailyItems(first)];
      await listing.promise;
      world.advance(90_000);
      // The second one has looked at the runs once it asks for the lease.
      const { containers } = pipeline.storage;
      const second = listDailyItems({ ...pipeline, storage: { ...pipeline.storage, containers: tellOf(containers, waiting.resolve) } });
      await Promise.all([...starts, second]);
      assert.equal((await pipeline.ledger.runs.all()).length, 1);
      assert.equal(world.log.filter((line) => line.includes('No items ingested')).length, 0);
    }));

  test('a daily start that came to nothing is made up for by the sweep, once it is overdue', () =>
    withWorld({ startsAt: '2026-11-23T01:30:00Z' }, async (world) => {
      await world.day();
      world.add('x', sms({ id: 'x' }));
      // At 01:30 storage was away, or another instance held the lease for too long.
      world.advance(DAY + 14 * 60_000);
      await world.sweep();
      assert.equal((await world.pipeline.ledger.runs.all()).length, 1, 'the daily start may still come');
      world.advance(60_000);
      await world.sweep();
      await world.work();
      assert.equal((await world.outcome('x')).outcome, 'imported');
      await world.sweep();
      assert.equal((await world.pipeline.ledger.runs.all()).length, 2, 'it is made up for once');
    }));

  test('the first run covers the previous 24 hours, and the next goes on where it ended, less the overlap', () =>
    withWorld({ startsAt: '2026-11-23T01:30:00Z', settings: { WINDOW_OVERLAP_MINUTES: '120' } }, async (world) => {
      await world.day();
      world.advance(DAY);
      await world.day();
      assert.deepEqual(
        (await world.pipeline.ledger.runs.all()).map(({ from, to }) => [from, to]),
        [
          ['2026-11-22T01:30:00.000Z', '2026-11-23T01:30:00.000Z'],
          ['2026-11-22T23:30:00.000Z', '2026-11-24T01:30:00.000Z'],
        ],
      );
    }));

  test('an item at the very start of a window is in it, and one at its end is in the next', () =>
    withWorld({ startsAt: '2026-11-23T01:30:00Z', settings: { WINDOW_OVERLAP_MINUTES: '0' } }, async (world) => {
      world.teleMessage.addItem('start', () => Buffer.from(sms({ id: 's' })), new Date('2026-11-22T01:30:00.000Z'));
      world.teleMessage.addItem('before', () => Buffer.from(sms({ id: 'b' })), new Date('2026-11-22T01:29:59.999Z'));
      world.teleMessage.addItem('end', () => Buffer.from(sms({ id: 'e' })), new Date('2026-11-23T01:30:00.000Z'));
      await world.day();
      assert.deepEqual(
        (await world.report()).map(({ sourceId }) => sourceId),
        ['start'],
      );
      world.advance(DAY);
      await world.day();
      assert.deepEqual((await world.report()).map(({ sourceId }) => sourceId).sort(), ['end', 'start']);
    }));

  test('three days off are caught up in three runs, oldest first, each with books of its own', () =>
    withWorld({}, async (world) => {
      await world.day();
      for (let day = 1; day <= 3; day += 1) {
        world.teleMessage.addItem(
          `day-${day}`,
          () => Buffer.from(sms({ id: `day-${day}` })),
          new Date(world.now().getTime() + day * DAY - 6 * HOUR),
        );
      }
      world.advance(3 * DAY);
      await world.day();
      const runs = await world.pipeline.ledger.runs.all();
      assert.equal(runs.length, 4);
      assert.deepEqual(
        runs.map(({ listed }) => listed),
        [0, 1, 1, 1],
      );
      assert.ok(runs.every(({ completedAt }) => completedAt !== undefined));
    }));

  test('a start that comes a little late lists one window, however late within half a day', () =>
    withWorld({ startsAt: '2026-11-23T01:30:00Z' }, async (world) => {
      await world.day();
      world.advance(DAY + 400);
      await world.day();
      world.advance(DAY + 11 * HOUR);
      await world.day();
      assert.deepEqual(
        (await world.pipeline.ledger.runs.all()).map(({ to }) => to),
        ['2026-11-23T01:30:00.000Z', '2026-11-24T01:30:00.400Z', '2026-11-25T12:30:00.400Z'],
      );
    }));

  test('an item that the source shows late with an arrival in the overlap is taken', () =>
    withWorld({}, async (world) => {
      await world.day();
      world.teleMessage.addItem('late', () => Buffer.from(sms({ id: 'late' })), new Date(world.now().getTime() - HOUR));
      world.advance(DAY);
      await world.day();
      assert.equal((await world.outcome('late')).outcome, 'imported');
    }));

  test('a day without items is a run too, and says so', () =>
    withWorld({}, async (world) => {
      await world.day();
      assert.equal((await world.pipeline.ledger.runs.all())[0]?.completedAt, world.now().toISOString());
      assert.match(world.log.join('\n'), /info No items ingested on 2026-11-23 /);
    }));

  test('the watermark stays before a run with an item under way and moves when it has ended', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'create-message' }, times: 1000, effect: { type: 'status', status: 500 } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.list();
        await world.sweep();
        assert.equal((await listReports(world.pipeline)).completeUntil, undefined);
        await world.work();
        await world.sweep();
        assert.equal((await world.outcome('x')).reason, 'tries-used-up');
        assert.equal((await listReports(world.pipeline)).completeUntil, world.now().toISOString());
      },
    ));

  test('a clock that is 23 hours ahead for one run hides nothing from the next, whenever that is', () =>
    withWorld({ startsAt: '2026-11-23T01:30:00Z' }, async (world) => {
      await world.day();
      world.advance(DAY);
      const ahead: Pipeline = { ...world.pipeline, now: () => new Date(world.now().getTime() + 23 * HOUR) };
      await listDailyItems(ahead);
      world.advance(4 * HOUR);
      world.add('x', sms({ id: 'x' }));
      world.advance(20 * HOUR);
      await world.day();
      assert.equal((await world.outcome('x')).outcome, 'imported');
    }));

  test('a clock that ran a week ahead and was set back makes no item disappear', () =>
    withWorld({}, async (world) => {
      await world.day();
      world.advance(7 * DAY);
      await world.day();
      world.advance(-6 * DAY);
      world.add('after-the-jump', sms({ id: 'a' }));
      await world.day();
      assert.equal((await world.outcome('after-the-jump')).outcome, 'imported');
      // And what arrives before the clock reaches the end of the window that lay in the future.
      world.advance(5 * DAY);
      world.add('later', sms({ id: 'l' }));
      world.advance(2 * DAY);
      await world.day();
      assert.equal((await world.outcome('later')).outcome, 'imported');
    }));

  for (const id of [
    '89e7073266',
    '00123',
    '1e999',
    'true',
    'a/b\\c#d?e',
    '../../etc',
    'ünïcode 💬',
    ' blanks ',
    "o'clock",
    '%2e%2e',
    'x'.repeat(1024),
  ]) {
    test(`the id ${JSON.stringify(id.slice(0, 20))} stays what it is from the listing to the report`, () =>
      withWorld({}, async (world) => {
        world.add(id, sms({ id: 'm' }));
        await world.day();
        const report = await world.outcome(id);
        assert.equal(report.sourceId, id);
        assert.equal(report.outcome, 'imported');
        assert.equal(world.teleMessage.contentRequests(id), 1);
      }));
  }

  test('an item that the source no longer has is parked with that reason, and the others are imported', () =>
    withWorld({}, async (world) => {
      world.add('gone', sms({ id: 'gone' }));
      world.add('here', sms({ id: 'here' }));
      await world.list();
      world.teleMessage.removeItem('gone');
      await world.work();
      await world.sweep();
      assert.deepEqual(await world.outcome('gone').then(({ outcome, reason }) => [outcome, reason]), ['failed', 'source-item-not-found']);
      assert.equal((await world.outcome('here')).outcome, 'imported');
    }));

  for (const effect of [
    { type: 'truncate', bytes: 100 },
    { type: 'truncate-quietly', bytes: 100 },
    { type: 'corrupt' },
    { type: 'reset' },
    { type: 'status', status: 503 },
    { type: 'status', status: 429, retryAfterSeconds: 60 },
  ] as const) {
    test(`a download with ${JSON.stringify(effect)} is fetched again and staged whole`, () =>
      withWorld({}, async (world) => {
        const eml = sms({ id: 'x', text: 'all of it '.repeat(100) });
        world.add('x', eml);
        world.teleMessage.setFaults([{ match: { kind: 'content' }, times: 2, effect }]);
        await world.day();
        assert.equal((await world.outcome('x')).outcome, 'imported');
        const staged: string[] = [];
        const { items } = world.pipeline.storage.containers;
        for await (const { name } of items.listBlobsFlat()) staged.push((await items.getBlobClient(name).downloadToBuffer()).toString());
        assert.deepEqual(staged, [eml]);
      }));
  }

  test('an item whose transfer never succeeds is parked after all tries, and the host does the counting', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      world.teleMessage.setFaults([{ match: { kind: 'content' }, times: 100, effect: { type: 'truncate', bytes: 10 } }]);
      await world.day();
      assert.equal((await world.outcome('x')).reason, 'tries-used-up');
      assert.equal(world.teleMessage.contentRequests('x'), 5);
      assert.equal(await world.depth('failed'), 1);
    }));

  test('a refused password is sent once, and nothing is parked or lost while it is wrong', () =>
    withWorld({ settings: { TELEMESSAGE_PASSWORD: 'wrong' } }, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await assert.rejects(world.list(), /refused the sign-in/);
      await assert.rejects(world.sweep(), /refused the sign-in/);
      await assert.rejects(world.list(), /refused the sign-in/);
      assert.equal(world.teleMessage.requests.loginRefused, 1);
      world.restart({ TELEMESSAGE_PASSWORD: 'pass' });
      await world.day();
      assert.equal((await world.outcome('x')).outcome, 'imported');
    }));

  test('a large item goes through storage in blocks and comes out as it was', async (context) => {
    changeLimits(context, { stagingBlockBytes: 1000 });
    await withWorld({}, async (world) => {
      const eml = sms({ id: 'x', text: 'line of text\r\n'.repeat(1000) });
      world.add('x', eml);
      await world.day();
      const { items } = world.pipeline.storage.containers;
      for await (const { name } of items.listBlobsFlat()) {
        assert.equal((await items.getBlobClient(name).downloadToBuffer()).toString(), eml);
        assert.ok(((await items.getBlockBlobClient(name).getBlockList('committed')).committedBlocks?.length ?? 0) > 1);
      }
      assert.equal((await world.outcome('x')).outcome, 'imported');
    });
  });

  test('of two transfers of one item at one time that bring other bytes, the first that ends is kept whole', () =>
    withWorld({}, async (world) => {
      const { items } = world.pipeline.storage.containers;
      const both = Promise.withResolvers<void>();
      let begun = 0;
      async function* bytes(letter: string) {
        yield Buffer.alloc(1_000, letter);
        begun += 1;
        if (begun === 2) both.resolve();
        await both.promise;
        yield Buffer.alloc(1_000, letter);
      }
      const [first, second] = await Promise.all(['a', 'b'].map((letter) => stageItem(items, 'run/item.eml', bytes(letter), 500)));
      assert.deepEqual(first, second);
      const kept = await items.getBlobClient('run/item.eml').downloadToBuffer();
      assert.ok(kept.equals(Buffer.alloc(2_000, kept.toString('latin1', 0, 1))), 'the blocks of both are in it');
      assert.equal(createHash('sha256').update(kept).digest('hex'), first?.sha256);
    }));

  test('a staged item is never overwritten, whatever the source sends later', () =>
    withWorld({}, async (world) => {
      const first = sms({ id: 'x', text: 'first' });
      world.add('x', first);
      await world.day();
      world.add('x', sms({ id: 'x', text: 'second' }));
      for await (const row of world.pipeline.ledger.items.ofRun('enterprise-number-000001')) {
        const { runId, itemKey, sourceId, sequence, arrivedAt } = row;
        await world.pipeline.storage.queues.download.sendMessage(
          Buffer.from(JSON.stringify({ runId, itemKey, sourceId, sequence, arrivedAt })).toString('base64'),
          {},
        );
      }
      await world.work();
      const { items } = world.pipeline.storage.containers;
      for await (const { name } of items.listBlobsFlat()) {
        assert.equal((await items.getBlobClient(name).downloadToBuffer()).toString(), first);
      }
      assert.equal((await world.mailbox('ada@contoso.example')).length, 1);
    }));

  test('an item that a shifting listing names again keeps its first place, and is counted once', () =>
    withWorld({}, async ({ pipeline }) => {
      const run = await pipeline.ledger.runs.begin({
        number: 1,
        from: new Date('2026-11-22T01:30:00Z'),
        to: new Date('2026-11-23T01:30:00Z'),
      });
      const page = (ids: readonly string[], start: number) =>
        pipeline.ledger.items.recordListed(
          run,
          ids.map((id, index) => ({ id, arrivedAt: '2026-11-22T09:00:00Z', sequence: start + index })),
        );
      await page(['a', 'b'], 0);
      // The process ended before its checkpoint, and a late item has come in between.
      const again = await page(['late', 'a'], 0);
      const next = await page(['a', 'b', 'c'], 2);
      const places = (items: readonly { sourceId: string; sequence: number }[]) =>
        items.map(({ sourceId, sequence }) => `${sourceId} ${sequence}`);
      assert.deepEqual(places(again.items).sort(), ['a 0', 'late 0']);
      assert.deepEqual(places(next.items).sort(), ['a 0', 'b 1', 'c 4']);
      assert.deepEqual([again.listed, next.listed], [2, 1]);
    }));

  test('a message that is not ours is parked with its reason, and does not stop the queue', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      for (const text of ['{"id":1}', '89', '{"runId":"r","itemKey":"/../","sourceId":"x","sequence":0,"arrivedAt":"now"}']) {
        await world.pipeline.storage.queues.download.sendMessage(Buffer.from(text).toString('base64'), {});
      }
      await world.day();
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.equal(await world.depth('failed'), 3);
      const { peekedMessageItems } = await world.pipeline.storage.queues.failed.peekMessages({ numberOfMessages: 3 });
      for (const { messageText } of peekedMessageItems) {
        assert.equal((JSON.parse(Buffer.from(messageText, 'base64').toString()) as { reason: string }).reason, 'bad-queue-message');
      }
    }));
});
