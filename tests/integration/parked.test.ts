/** Parked items: found again, put back to work, given up; and what the queues lose is found by the sweep. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PermanentError } from '../../shared/errors.ts';
import { parseItem } from '../../shared/item/parse-item.ts';
import { limits } from '../../shared/limits.ts';
import { ITEM_KEY_PROPERTY } from '../../shared/mailbox/compose-message.ts';
import { identityOf } from '../../shared/ledger/item-row.ts';
import type { RunCounts } from '../../shared/pipeline/count-run.ts';
import type { Pipeline } from '../../shared/pipeline/pipeline.ts';
import { closeRuns } from '../../shared/pipeline/close-runs.ts';
import { parkItem } from '../../shared/pipeline/park-item.ts';
import { sweepRuns } from '../../shared/pipeline/sweep-runs.ts';
import { TransientError } from '../../shared/errors.ts';
import { downloadItem } from '../../shared/pipeline/download-item.ts';
import { drainPoison } from '../../shared/pipeline/drain-poison.ts';
import { importItem } from '../../shared/pipeline/import-item.ts';
import { stagedBlobName } from '../../shared/storage/stage-item.ts';
import { readDownloadMessage, readImportMessage } from '../../shared/pipeline/messages.ts';
import { queueNames } from '../../shared/storage/storage.ts';
import type { Fault, FaultEffect } from '../../local/graph/faults.ts';
import { discardItem, freeMappedItems, listParked, reprocessItem, reprocessItems, showParked } from '../../shared/pipeline/parked-items.ts';
import { useWorlds } from '../support/use-worlds.ts';
import { mms, sms, type World } from '../support/world.ts';

const ADA = 'ada@contoso.example';
const BEN = 'ben@contoso.example';
const STAGING = 'Enterprise Number Archiver (staging)';
const HEADER = 'External User ID,Microsoft 365 User Mailbox\n';
const unmapped = (id: string, number = '16175550998') =>
  sms({ id, from: `N ${number} <n@elsewhere.example>`, to: 'M 16175550997 <m@elsewhere.example>' });

describe('parked items', () => {
  const withWorld = useWorlds();
  const upload = (world: World, text: string) =>
    world.pipeline.storage.containers.config.getBlockBlobClient('mapping.csv').upload(text, Buffer.byteLength(text));
  const keyOf = async (world: World, id: string) => (await world.pipeline.ledger.items.find(id))?.itemKey ?? '';
  /** The books of the first run. */
  const countsOf = async (world: World) => JSON.parse((await world.pipeline.ledger.runs.all())[0]?.counts ?? '{}') as RunCounts;
  const settle = async (world: World) => {
    await world.work();
    await world.sweep();
  };

  test('are listed with their reason, by reason, and shown one by one', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '1000' } }, async (world) => {
      world.add('u', unmapped('u'));
      world.add('o', sms({ id: 'o', text: 'x'.repeat(1000) }));
      world.add('i', sms({ id: 'i' }));
      await world.day();
      const listed = (await listParked(world.pipeline)).items.map(({ sourceId, outcome }) => `${sourceId} ${outcome}`);
      assert.deepEqual(listed.sort(), ['o oversize', 'u unmapped']);
      assert.deepEqual(
        (await listParked(world.pipeline, { reason: 'oversize' })).items.map(({ sourceId }) => sourceId),
        ['o'],
      );
      const shown = await showParked(world.pipeline, await keyOf(world, 'u'));
      assert.equal(shown?.reason, 'unmapped');
      assert.equal(shown.maskedNumbers, '161****0998; 161****0997');
      assert.equal(shown.size, Buffer.byteLength(unmapped('u')));
      assert.equal(await showParked(world.pipeline, await keyOf(world, 'i')), undefined);
    }));

  test('an oversize item is imported when the limit was raised and it is put back to work', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '1000' } }, async (world) => {
      world.add('o', sms({ id: 'o', text: 'x'.repeat(1000) }));
      await world.day();
      world.restart({ MAX_ITEM_BYTES: '100000' });
      assert.deepEqual(await reprocessItems(world.pipeline, { reason: 'oversize' }, 'operator'), { reprocessed: 1 });
      await settle(world);
      assert.equal((await world.outcome('o')).outcome, 'imported');
      assert.equal((await world.mailbox(ADA)).length, 1);
      assert.equal(await world.depth('oversize'), 0, 'its message is gone from the poison queue');
      assert.deepEqual((await listParked(world.pipeline)).items, []);
    }));

  test('an item put back to work without a change is parked again with the same reason, once', () =>
    withWorld({}, async (world) => {
      world.add('u', unmapped('u'));
      await world.day();
      for (let round = 0; round < 2; round += 1) {
        assert.equal(await reprocessItem(world.pipeline, await keyOf(world, 'u'), 'operator'), true);
        await settle(world);
      }
      assert.equal((await world.outcome('u')).outcome, 'unmapped');
      assert.equal(await world.depth('unmapped'), 1);
      assert.equal((await listParked(world.pipeline)).items.length, 1);
    }));

  test('the books of a completed run count a parked item as failed, as pending while it is put back, and as imported at the end', () =>
    withWorld({}, async (world) => {
      world.add('u', unmapped('u'));
      await world.day();
      const counts = async () => {
        const [run] = await world.pipeline.ledger.runs.all();
        const { failed, imported } = JSON.parse(run?.counts ?? '{}') as { failed: number; imported: number };
        return { failed, imported, complete: run?.completedAt !== undefined };
      };
      assert.deepEqual(await counts(), { failed: 1, imported: 0, complete: true });
      await upload(world, `${HEADER}16175550998,${BEN}\n`);
      world.advance(60_000);
      await world.sweep();
      assert.equal((await world.outcome('u')).outcome, 'pending');
      await settle(world);
      assert.equal((await world.outcome('u')).outcome, 'imported');
      assert.deepEqual(await counts(), { failed: 0, imported: 1, complete: true });
    }));

  test('a changed mapping frees exactly the unmapped items that it maps now', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '1000' } }, async (world) => {
      world.add('mapped-now', unmapped('1', '16175550901'));
      world.add('still-unmapped', unmapped('2', '16175550902'));
      world.add('oversize', sms({ id: '3', from: 'N 16175550901 <n@elsewhere.example>', text: 'x'.repeat(1000) }));
      await world.day();
      await upload(world, `${HEADER}16175550901,${BEN}\n`);
      world.advance(60_000);
      await world.sweep();
      await settle(world);
      const outcomes = Object.fromEntries((await world.report()).map(({ sourceId, outcome }) => [sourceId, outcome]));
      assert.deepEqual(outcomes, { 'mapped-now': 'imported', 'still-unmapped': 'unmapped', oversize: 'oversize' });
      assert.equal((await world.mailbox(BEN)).length, 1);
      const reopened = world.log.filter((line) => line.includes('mapping.freed'));
      assert.equal(reopened.length, 1);
    }));

  test('an item parked by an instance that had not seen the new mapping yet is freed all the same', () =>
    withWorld({ mapping: `${HEADER}16175550001,${BEN}\n` }, async (world) => {
      const late = world.pipeline;
      const early = world.restart();
      world.add('x', unmapped('x', '16175550998'));
      await world.list();
      const message = await world.download('x');
      await world.pipeline.storage.queues.download.clearMessages();
      await late.mapping();
      await upload(world, `${HEADER}16175550998,${BEN}\n`);
      await sweepRuns(early);
      // Within the seconds for which the other instance trusts what it has.
      await importItem(late, message);
      assert.equal((await world.outcome('x')).outcome, 'unmapped');
      world.advance(limits.mappingFreshMs);
      await sweepRuns(early);
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
    }));

  test('a look-up that fails keeps no other item from being freed', () =>
    withWorld({}, async (world) => {
      for (const [id, number] of [
        ['x', '16175550996'],
        ['y', '16175550998'],
      ] as const)
        world.add(id, unmapped(id, number));
      await world.day();
      await upload(world, `${HEADER}16175550996,chen@contoso.example\n16175550998,${BEN}\n`);
      world.advance(60_000);
      const pipeline = world.restart();
      let asked = 0;
      const failing: Pipeline = {
        ...pipeline,
        findMailbox: async (address) => {
          asked += 1;
          if (asked === 1) throw new TransientError('no answer');
          return pipeline.findMailbox(address);
        },
      };
      assert.equal(await freeMappedItems(failing), 1);
      assert.equal(await freeMappedItems(failing), 1);
      await settle(world);
      assert.deepEqual(
        (await world.report()).map(({ outcome }) => outcome),
        ['imported', 'imported'],
      );
    }));

  test('a run that is completed in the middle of a reprocess is counted anew', () =>
    withWorld({}, async (world) => {
      world.add('x', unmapped('x', '16175550998'));
      await world.day();
      await upload(world, `${HEADER}16175550998,${BEN}\n`);
      world.advance(60_000);
      const { pipeline } = world;
      const { deliveries } = pipeline.ledger;
      const other = world.restart();
      const interrupted: Pipeline = {
        ...pipeline,
        ledger: {
          ...pipeline.ledger,
          deliveries: {
            ...deliveries,
            async reopened(group) {
              await closeRuns(other);
              await deliveries.reopened(group);
            },
          },
        },
      };
      const { itemKey } = (await pipeline.ledger.items.find('x')) ?? assert.fail();
      assert.equal(await reprocessItem(interrupted, itemKey, 'somebody'), true);
      await settle(world);
      const [run] = await pipeline.ledger.runs.all();
      const { imported, failed } = JSON.parse(run?.counts ?? '{}') as RunCounts;
      assert.deepEqual([imported, failed], [1, 0]);
    }));

  test('an item that ends after it was parked, by another copy of its message, is counted as it ended', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      const message = await world.download('x');
      for (const queue of ['download', 'import'] as const) await world.pipeline.storage.queues[queue].clearMessages();
      await parkItem(world.pipeline, message, { reason: 'tries-used-up' });
      await world.sweep();
      await importItem(world.pipeline, message);
      world.advance(limits.parkingSettlesMs + 1);
      await world.sweep();
      await world.sweep();
      const { imported, failed } = await countsOf(world);
      assert.deepEqual([imported, failed], [2, 0]);
      assert.deepEqual((await listParked(world.pipeline)).items, []);
      assert.equal(await world.depth('failed'), 0);
    }));

  test('a delivery that a full mailbox refused is made after a reprocess, and the other copy is not made again', () =>
    withWorld({ graph: { conditions: [{ mailbox: ADA, condition: 'quotaExceeded' }] } }, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      assert.equal((await world.outcome('x')).outcome, 'partial');
      world.graph.setConditions([]);
      await reprocessItems(world.pipeline, {}, 'operator');
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.equal((await world.mailbox(ADA)).length, 1);
      assert.equal((await world.mailbox(BEN)).length, 1);
    }));

  test('a reprocess that is repeated, or asked for twice at once, imports once', () =>
    withWorld({}, async (world) => {
      world.add('u', unmapped('u'));
      await world.day();
      await upload(world, `${HEADER}16175550998,${BEN}\n`);
      const key = await keyOf(world, 'u');
      await Promise.all([reprocessItem(world.pipeline, key, 'one'), reprocessItem(world.pipeline, key, 'other')]);
      await reprocessItem(world.pipeline, key, 'again');
      world.advance(60_000);
      await settle(world);
      assert.equal((await world.outcome('u')).outcome, 'imported');
      assert.equal((await world.mailbox(BEN)).length, 1);
    }));

  for (const [name, finish] of [
    ['the next one', async (world: World, key: string) => assert.equal(await reprocessItem(world.pipeline, key, 'operator'), true)],
    [
      'the sweep, although nobody asks again',
      async (world: World) => {
        world.advance(limits.staleItemMs);
        await world.sweep();
      },
    ],
  ] as const) {
    test(`a reprocess that breaks off half-way is finished by ${name}`, () =>
      withWorld({}, async (world) => {
        world.add('u', unmapped('u'));
        await world.day();
        await upload(world, `${HEADER}16175550998,${BEN}\n`);
        const key = await keyOf(world, 'u');
        const broken = new Proxy(world.pipeline.storage.queues.import, {
          get: (target, name) =>
            name === 'sendMessage' ? () => Promise.reject(new Error('the storage is away')) : (Reflect.get(target, name) as unknown),
        });
        const { pipeline } = world;
        const half = { ...pipeline, storage: { ...pipeline.storage, queues: { ...pipeline.storage.queues, import: broken } } };
        await assert.rejects(reprocessItem(half, key, 'operator'), /the storage is away/);
        assert.equal((await world.outcome('u')).outcome, 'pending');
        world.advance(60_000);
        await finish(world, key);
        await settle(world);
        assert.equal((await world.outcome('u')).outcome, 'imported');
        const [run] = await pipeline.ledger.runs.all();
        assert.equal((JSON.parse(run?.counts ?? '{}') as RunCounts).imported, 1);
      }));
  }

  test('a discarded item waits for nobody, keeps its bytes and its books, and the log names who and why', () =>
    withWorld({}, async (world) => {
      world.add('u', unmapped('u'));
      await world.day();
      const key = await keyOf(world, 'u');
      assert.equal(await discardItem(world.pipeline, key, 'a test number', 'operator-1'), true);
      assert.equal(await discardItem(world.pipeline, key, 'a test number', 'operator-1'), false);
      assert.deepEqual((await listParked(world.pipeline)).items, []);
      assert.equal(await world.depth('unmapped'), 0);
      assert.equal((await world.outcome('u')).outcome, 'unmapped');
      const events = [];
      for await (const { text } of world.pipeline.audit.lines())
        events.push(JSON.parse(text) as { event: string; by?: string; discardReason?: string });
      const discarded = events.find(({ event }) => event === 'item.discarded');
      assert.deepEqual([discarded?.by, discarded?.discardReason], ['operator-1', 'a test number']);
    }));

  test('a discarded item is not imported by another copy of its message', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      const message = await world.download('x');
      await parkItem(world.pipeline, message, { reason: 'tries-used-up' });
      assert.equal(await discardItem(world.pipeline, message.itemKey, 'of no interest', 'operator'), true);
      await importItem(world.pipeline, message);
      assert.equal((await world.outcome('x')).outcome, 'failed');
      assert.deepEqual([await world.mailbox(ADA), await world.mailbox(BEN)], [[], []]);
    }));

  test('an item that was discarded while its import was under way is counted as it ended', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      const message = await world.download('x');
      for (const queue of ['download', 'import'] as const) await world.pipeline.storage.queues[queue].clearMessages();
      const { importer } = world.pipeline;
      let isDiscarded = false;
      const create: typeof importer.create = async (...args) => {
        if (!isDiscarded) {
          isDiscarded = true;
          await parkItem(world.pipeline, message, { reason: 'tries-used-up', inDoubt: true });
          await discardItem(world.pipeline, message.itemKey, 'of no interest', 'operator');
          await closeRuns(world.pipeline);
        }
        return importer.create(...args);
      };
      await importItem({ ...world.pipeline, importer: { ...importer, create } }, message);
      world.advance(limits.parkingSettlesMs + 1);
      await world.sweep();
      await world.sweep();
      const { imported, failed } = await countsOf(world);
      assert.deepEqual([imported, failed], [2, 0]);
      assert.equal(await world.pipeline.ledger.items.parkedRow(message.itemKey), undefined);
    }));

  for (const [name, times, end, left] of [
    ['goes on', 1, 'imported', 0],
    ['is given up, is parked with what it has delivered', 100, 'partial', 1],
  ] as const) {
    test(`an item that was parked before its import began, and that another copy of its message brings further and ${name}`, () =>
      withWorld(
        { graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, times, effect: { type: 'status', status: 500 } }] } },
        async (world) => {
          world.add('x', sms({ id: 'x' }));
          await world.list();
          const message = await world.download('x');
          for (const queue of ['download', 'import'] as const) await world.pipeline.storage.queues[queue].clearMessages();
          await parkItem(world.pipeline, message, { reason: 'tries-used-up' });
          await world.sweep();
          await assert.rejects(importItem(world.pipeline, message), TransientError);
          if (times === 1) await importItem(world.pipeline, message);
          else await drainPoison(world.pipeline, queueNames.import, message, readImportMessage);
          assert.equal((await world.outcome('x')).outcome, end);
          world.advance(limits.parkingSettlesMs + 1);
          await world.sweep();
          await world.sweep();
          const { imported, failed } = await countsOf(world);
          assert.deepEqual([imported, failed], [2 - left, left]);
          assert.equal((await listParked(world.pipeline)).items.length, left);
        },
      ));
  }

  test('a reprocess that was cut off in a run that was completed in its middle is finished by the sweep', () =>
    withWorld({}, async (world) => {
      world.add('u', unmapped('u'));
      await world.day();
      const row = await world.pipeline.ledger.items.find('u');
      assert.ok(row);
      // The run is complete, and nothing says that an item of it is under way.
      assert.equal(await world.pipeline.ledger.items.reopened(row, { requeues: 0 }), true);
      world.advance(limits.staleItemMs + 1);
      await world.sweep();
      await settle(world);
      await settle(world);
      assert.equal((await world.outcome('u')).outcome, 'unmapped');
      const [run] = await world.pipeline.ledger.runs.all();
      assert.equal(run?.recount, false);
    }));

  const crash: FaultEffect = { type: 'reset-after-effect' };
  const doubtful = (id: string) => mms(id, [Buffer.alloc(4_000_000)], { to: 'Out <o@outside.example>' });
  const interruptedUpload: readonly Fault[] = [
    { match: { kind: 'create-upload' }, effect: { type: 'status', status: 500 } },
    { match: { kind: 'delete-message' }, effect: { type: 'reset' } },
  ];
  /** Both answers are lost, and one of the copies was made. */
  const oneOfTwoMade: readonly Fault[] = [
    { match: { kind: 'create-message', mailbox: ADA }, effect: crash },
    { match: { kind: 'create-message', mailbox: BEN }, effect: { type: 'reset' } },
  ];
  /** Downloads the item and has it imported once, which fails and is not repeated. */
  const tryOnce = async (world: World, id: string) => {
    const message = await world.download(id);
    await assert.rejects(importItem(world.pipeline, message));
    return message;
  };
  const giveUp = async (world: World, id: string) => {
    await world.list();
    const message = await tryOnce(world, id);
    for (const queue of ['download', 'import'] as const) await world.pipeline.storage.queues[queue].clearMessages();
    await drainPoison(world.pipeline, queueNames.import, message, readImportMessage);
  };
  const settleDoubts = async (world: World) => {
    await world.sweep();
    world.advance(limits.createSettlesMs);
    await world.sweep();
    await settle(world);
  };

  test('an item given up in doubt whose copies were made after all is imported without another copy', () =>
    withWorld({ graph: { faults: [{ match: { kind: 'create-message' }, times: 2, effect: crash }] } }, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await giveUp(world, 'x');
      assert.equal((await world.outcome('x')).outcome, 'failed');
      await settleDoubts(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.deepEqual([(await world.mailbox(ADA)).length, (await world.mailbox(BEN)).length], [1, 1]);
      assert.deepEqual((await listParked(world.pipeline)).items, []);
    }));

  test('an item given up in doubt one of whose copies was made is partial, also in the books of its complete run', () =>
    withWorld({ graph: { faults: oneOfTwoMade } }, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await giveUp(world, 'x');
      await world.sweep();
      assert.equal((await countsOf(world)).failed, 2);
      await settleDoubts(world);
      const report = await world.outcome('x');
      assert.deepEqual([report.outcome, report.reason], ['partial', 'tries-used-up']);
      assert.deepEqual(report.deliveries.map(({ mailbox, state }) => `${mailbox} ${state}`).sort(), [`${ADA} imported`, `${BEN} failed`]);
      const { imported, failed } = await countsOf(world);
      assert.deepEqual([imported, failed], [1, 1]);
      await reprocessItems(world.pipeline, {}, 'operator');
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.deepEqual([(await world.mailbox(ADA)).length, (await world.mailbox(BEN)).length], [1, 1]);
    }));

  for (const [name, write] of [
    ['the item', 1],
    ['the list of parked items', 2],
  ] as const) {
    test(`what is found of an item in doubt is found again where ${name} could not be written`, (context) =>
      withWorld({ graph: { faults: oneOfTwoMade } }, async (world) => {
        world.add('x', sms({ id: 'x' }));
        await giveUp(world, 'x');
        await world.sweep();
        world.advance(limits.createSettlesMs);
        const { items } = world.pipeline.storage.tables;
        const update = items.updateEntity.bind(items);
        let writes = 0;
        const mocked = context.mock.method(items, 'updateEntity', (...args: Parameters<typeof update>) => {
          writes += 1;
          return writes === write ? Promise.reject(new Error('the process ends here')) : update(...args);
        });
        await world.sweep();
        assert.equal(writes, write);
        mocked.mock.restore();
        await settle(world);
        const { outcome, deliveries } = await world.outcome('x');
        assert.equal(outcome, 'partial');
        assert.deepEqual(deliveries.map(({ mailbox, state }) => `${mailbox} ${state}`).sort(), [`${ADA} imported`, `${BEN} failed`]);
        assert.equal((await countsOf(world)).imported, 1);
        assert.equal((await world.pipeline.ledger.items.parkedRow(await keyOf(world, 'x')))?.inDoubt, false);
      }));
  }

  for (const discarded of [false, true]) {
    test(`what ${discarded ? 'a discarded' : 'a parked'} item has left in the staging folder is removed by the sweep`, () =>
      withWorld({ graph: { faults: interruptedUpload } }, async (world) => {
        world.add('x', doubtful('x'));
        await giveUp(world, 'x');
        assert.equal((await world.mailbox(ADA, STAGING)).length, 1);
        const key = await keyOf(world, 'x');
        if (discarded) {
          assert.equal(await discardItem(world.pipeline, key, 'of no interest', 'operator'), true);
          assert.deepEqual((await listParked(world.pipeline)).items, []);
        }
        await settleDoubts(world);
        assert.deepEqual(await world.folders(ADA), []);
        const { outcome, reason } = await world.outcome('x');
        assert.deepEqual([outcome, reason], ['failed', 'tries-used-up']);
        assert.equal((await showParked(world.pipeline, key)) === undefined, discarded);
        assert.equal((await world.pipeline.ledger.items.parkedRow(key)) === undefined, discarded);
        const asked = { ...world.graph.requests.counts };
        await world.sweep();
        assert.deepEqual(world.graph.requests.counts, asked, 'what is known is not looked for again');
      }));
  }

  test('an item that is put back to work while the sweep finds out what is in doubt of it is tried again', () =>
    withWorld({ graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, effect: { type: 'reset' } }] } }, async (world) => {
      world.add('x', sms({ id: 'x', to: 'Out <o@outside.example>' }));
      await giveUp(world, 'x');
      await world.sweep();
      world.advance(limits.createSettlesMs);
      const key = await keyOf(world, 'x');
      const { importer } = world.pipeline;
      const find: typeof importer.find = async (...args) => {
        assert.equal(await reprocessItem(world.pipeline, key, 'operator'), true);
        return importer.find(...args);
      };
      await sweepRuns({ ...world.pipeline, importer: { ...importer, find } });
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.equal((await world.mailbox(ADA)).length, 1);
    }));

  test('while a mailbox does not answer, what is in doubt stays so, and the other parked items are looked after', () =>
    withWorld(
      {
        graph: {
          faults: [
            { match: { kind: 'create-message', mailbox: ADA }, effect: crash },
            { match: { kind: 'find-message', mailbox: ADA }, times: 20, effect: { type: 'status', status: 500 } },
            { match: { kind: 'create-message', mailbox: BEN }, effect: crash },
          ],
        },
      },
      async (world) => {
        world.add('x', sms({ id: 'x', to: 'Out <o@outside.example>' }));
        await giveUp(world, 'x');
        world.advance(86_400_000);
        world.add('y', sms({ id: 'y', from: 'Out <o@outside.example>' }));
        await giveUp(world, 'y');
        await settleDoubts(world);
        assert.equal((await world.outcome('x')).outcome, 'failed');
        assert.equal((await world.outcome('y')).outcome, 'imported');
        assert.ok(world.log.some((line) => line.includes('item.in-doubt')));
      },
    ));

  describe('an item whose mapping changes between two tries', () => {
    const NUMBER = '16175550901';
    const numbered = (id: string, attachments: readonly Buffer[] = []) =>
      mms(id, attachments, { from: `N ${NUMBER} <n@elsewhere.example>`, to: 'Out <o@outside.example>' });
    const mapTo = async (world: World, address: string, number = NUMBER) => {
      await upload(world, `${HEADER}${number},${address}\n`);
      world.advance(60_000);
    };
    const toAda = `${HEADER}${NUMBER},${ADA}\n`;
    const deliveriesOf = async (world: World, id: string) =>
      (await world.outcome(id)).deliveries.map(({ mailbox, state }) => `${mailbox} ${state}`).sort();

    test('keeps the copy that was made before in its books', () =>
      withWorld(
        { mapping: toAda, graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, effect: crash }] } },
        async (world) => {
          world.add('x', numbered('x'));
          await world.list();
          await tryOnce(world, 'x');
          await mapTo(world, BEN);
          await settle(world);
          assert.deepEqual(await deliveriesOf(world, 'x'), [`${ADA} imported`, `${BEN} imported`]);
          assert.equal((await world.outcome('x')).outcome, 'imported');
          assert.deepEqual([(await world.mailbox(ADA)).length, (await world.mailbox(BEN)).length], [1, 1]);
        },
      ));

    test('leaves nothing in a staging folder', () =>
      withWorld({ mapping: toAda, graph: { faults: interruptedUpload } }, async (world) => {
        world.add('x', numbered('x', [Buffer.alloc(4_000_000)]));
        await world.list();
        await tryOnce(world, 'x');
        assert.equal((await world.mailbox(ADA, STAGING)).length, 1);
        await mapTo(world, BEN);
        await settle(world);
        assert.deepEqual(await world.folders(ADA), []);
        assert.deepEqual(await deliveriesOf(world, 'x'), [`${BEN} imported`]);
      }));

    test('is unmapped when it is mapped to nobody any more and no copy was made', () =>
      withWorld(
        { mapping: toAda, graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, effect: { type: 'reset' } }] } },
        async (world) => {
          world.add('x', numbered('x'));
          await world.list();
          await tryOnce(world, 'x');
          await mapTo(world, BEN, '16175550902');
          await settle(world);
          assert.equal((await world.outcome('x')).outcome, 'unmapped');
          assert.deepEqual(await world.mailbox(ADA), []);
        },
      ));

    test('is imported when the mailbox that refused it is mapped no more', () =>
      withWorld({ mapping: toAda, graph: { conditions: [{ mailbox: ADA, condition: 'quotaExceeded' }] } }, async (world) => {
        world.add('x', numbered('x'));
        await world.day();
        assert.equal((await world.outcome('x')).reason, 'mailbox-full');
        await mapTo(world, BEN);
        await reprocessItems(world.pipeline, {}, 'operator');
        await settle(world);
        assert.deepEqual(await deliveriesOf(world, 'x'), [`${BEN} imported`]);
        assert.equal((await world.outcome('x')).outcome, 'imported');
      }));
  });

  test('what a purged queue lost is found by the sweep and enqueued again', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      world.add('y', sms({ id: 'y' }));
      await world.list();
      await world.pipeline.storage.queues.download.clearMessages();
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'pending', 'too early to tell');
      world.advance(limits.staleItemMs + 1);
      await world.sweep();
      await settle(world);
      assert.deepEqual(
        (await world.report()).map(({ outcome }) => outcome),
        ['imported', 'imported'],
      );
      assert.equal((await world.mailbox(ADA)).length, 2);
    }));

  test('an item that waits for its turn for hours is not taken for lost, although its message was sent some seconds after its row was written', () =>
    withWorld({ startsAt: new Date(Date.now() - 5_000).toISOString() }, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      for (let round = 0; round <= limits.requeues; round += 1) {
        world.advance(limits.staleItemMs + 1);
        await world.sweep();
      }
      assert.equal(await world.depth('download'), 1);
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
    }));

  test('an item that a clock four days ahead has put back to work, and that was lost then, is found once the clock is right', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      const row = await world.pipeline.ledger.items.find('x');
      assert.ok(row);
      await world.pipeline.ledger.items.waitsUntil(identityOf(row), new Date(world.now().getTime() + 4 * 86_400_000));
      await world.pipeline.storage.queues.download.clearMessages();
      await world.sweep();
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
    }));

  test('what is left of one end of an item is not taken for part of the next', () =>
    withWorld(
      {
        mapping: `${HEADER}16175550901,${ADA}\n`,
        graph: { conditions: [{ mailbox: ADA, condition: 'quotaExceeded' }] },
      },
      async (world) => {
        world.add('x', sms({ id: 'x', from: 'N 16175550901 <n@elsewhere.example>', to: 'M <m@elsewhere.example>' }));
        await world.day();
        assert.equal((await world.outcome('x')).reason, 'mailbox-full');
        await world.pipeline.storage.containers.config.getBlobClient('mapping.csv').delete();
        world.advance(60_000);
        await reprocessItems(world.pipeline, {}, 'somebody');
        await settle(world);
        const { outcome, deliveries } = await world.outcome('x');
        assert.deepEqual([outcome, deliveries], ['unmapped', []]);
      },
    ));

  test('an item that the limit was lowered for between two tries keeps the copy that it has in its books', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, times: 100, effect: { type: 'status', status: 500 } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.list();
        await assert.rejects(importItem(world.pipeline, await world.download('x')));
        world.restart({ MAX_ITEM_BYTES: '100' });
        await settle(world);
        const { outcome, reason, deliveries } = await world.outcome('x');
        assert.deepEqual([outcome, reason], ['partial', 'oversize']);
        assert.deepEqual(Object.fromEntries(deliveries.map(({ mailbox, state }) => [mailbox, state])), {
          [ADA]: 'failed',
          [BEN]: 'imported',
        });
      },
    ));

  test('an item whose bytes are gone is transferred again when it is put back to work', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      const message = await world.download('x');
      await world.pipeline.storage.queues.download.clearMessages();
      await world.pipeline.storage.containers.items.getBlobClient(stagedBlobName(message)).delete();
      await settle(world);
      assert.equal((await world.outcome('x')).reason, 'staged-bytes-missing');
      await reprocessItems(world.pipeline, {}, 'somebody');
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
    }));

  const loseRow = async (world: World, id: string) => {
    const row = await world.pipeline.ledger.items.find(id);
    assert.ok(row);
    await world.pipeline.storage.tables.items.deleteEntity(row.partitionKey ?? '', row.rowKey ?? '');
  };

  test('rows that the table of items has lost are made again, whatever has become of their items', () =>
    withWorld({}, async (world) => {
      for (const id of ['listed', 'staged', 'imported']) world.add(id, sms({ id }));
      await world.list();
      await world.download('staged');
      await importItem(world.pipeline, await world.download('imported'));
      assert.equal((await world.outcome('imported')).outcome, 'imported');
      for (const queue of ['download', 'import'] as const) await world.pipeline.storage.queues[queue].clearMessages();
      for (const id of ['listed', 'staged', 'imported']) await loseRow(world, id);
      // The source has forgotten what it gave us once.
      for (const id of ['staged', 'imported']) world.teleMessage.removeItem(id);
      await world.sweep();
      await settle(world);
      const outcomes = Object.fromEntries((await world.report()).map(({ sourceId, outcome }) => [sourceId, outcome]));
      assert.deepEqual(outcomes, { listed: 'imported', staged: 'imported', imported: 'imported' });
      assert.equal((await world.mailbox(ADA)).length, 3);
      assert.ok((await world.pipeline.ledger.runs.all())[0]?.completedAt);
      const restored = [];
      for await (const { text } of world.pipeline.audit.lines()) if (text.includes('items.restored')) restored.push(text);
      assert.notEqual(restored.length, 0, 'the audit log tells of it');
    }));

  for (const [end, eml] of [
    ['imported', sms({ id: 'x' })],
    ['unmapped', unmapped('x')],
  ] as const) {
    test(`an item whose row is lost before its import ends as ${end}, and its new row knows its bytes`, () =>
      withWorld({}, async (world) => {
        world.add('x', eml);
        await world.list();
        const message = await world.download('x');
        await loseRow(world, 'x');
        await importItem(world.pipeline, message);
        const row = await world.pipeline.ledger.items.read(message);
        assert.deepEqual([row?.outcome, row?.size, row?.sha256], [end, message.size, message.sha256]);
      }));
  }

  test('a duplicate whose row is lost before its original takes its place has a new row that knows its bytes', () =>
    withWorld({}, async (world) => {
      for (const id of ['first', 'second']) world.add(id, sms({ id: 'same' }));
      await world.list();
      const [first, second] = [await world.download('first'), await world.download('second')];
      await importItem(world.pipeline, second);
      await loseRow(world, 'second');
      await importItem(world.pipeline, first);
      const row = await world.pipeline.ledger.items.read(second);
      assert.deepEqual([row?.duplicateOf, row?.size, row?.sha256], ['first', second.size, second.sha256]);
    }));

  test('an item whose row is lost before its import is given up is partial, and its books know of the copy that was made', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, effect: { type: 'status', status: 500 } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.list();
        const message = await world.download('x');
        await assert.rejects(importItem(world.pipeline, message), TransientError);
        await loseRow(world, 'x');
        await drainPoison(world.pipeline, queueNames.import, message, readImportMessage);
        const { outcome, reason, deliveries } = await world.outcome('x');
        assert.deepEqual([outcome, reason], ['partial', 'tries-used-up']);
        assert.deepEqual(deliveries.map(({ mailbox, state }) => `${mailbox} ${state}`).sort(), [`${ADA} failed`, `${BEN} imported`]);
        assert.equal((await world.pipeline.ledger.items.read(message))?.sha256, message.sha256);
      },
    ));

  test('an item whose row is lost once it is imported needs no answer from the source any more', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      await world.work();
      await loseRow(world, 'x');
      world.teleMessage.setFaults([{ match: { kind: 'content', id: 'x' }, times: 100, effect: { type: 'status', status: 500 } }]);
      await world.sweep();
      await settle(world);
      assert.equal((await world.outcome('x')).outcome, 'imported');
    }));

  for (const [name, step] of [
    ['its row', 'staged'],
    ['the message of its import', 'sendMessage'],
  ] as const) {
    test(`an item whose transfer is cut off again and again before ${name} could be written is imported all the same`, (context) =>
      withWorld({}, async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.list();
        const item = await world.pipeline.ledger.items.find('x');
        assert.ok(item);
        const { ledger, storage } = world.pipeline;
        const failing = () => Promise.reject(new Error('the process ends here'));
        const mocked =
          step === 'staged' ? context.mock.method(ledger.items, step, failing) : context.mock.method(storage.queues.import, step, failing);
        await assert.rejects(downloadItem(world.pipeline, identityOf(item)), /the process ends here/);
        mocked.mock.restore();
        await storage.queues.download.clearMessages();
        // The host has given it up, and the source has lost it meanwhile.
        world.teleMessage.removeItem('x');
        await drainPoison(world.pipeline, queueNames.download, identityOf(item), readDownloadMessage);
        await settle(world);
        assert.equal((await world.outcome('x')).outcome, 'imported');
        assert.equal((await world.mailbox(ADA)).length, 1);
      }));
  }

  test('an item whose row is lost before its transfer is given up goes on with the import, and no copy is made twice', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      const message = await world.download('x');
      await importItem(world.pipeline, message);
      await loseRow(world, 'x');
      for (const queue of ['download', 'import'] as const) await world.pipeline.storage.queues[queue].clearMessages();
      await drainPoison(world.pipeline, queueNames.download, identityOf(message), readDownloadMessage);
      await settle(world);
      const { outcome, deliveries } = await world.outcome('x');
      assert.equal(outcome, 'imported');
      assert.equal(deliveries.length, 2);
      assert.deepEqual([(await world.mailbox(ADA)).length, (await world.mailbox(BEN)).length], [1, 1]);
    }));

  test('an item that is given up while it takes the place of its duplicate has the copies of that one in its books', (context) =>
    withWorld({}, async (world) => {
      for (const id of ['first', 'second']) world.add(id, sms({ id: 'same' }));
      await world.list();
      const [first, second] = [await world.download('first'), await world.download('second')];
      await importItem(world.pipeline, second);
      const { content } = world.pipeline.storage.tables;
      const mocked = context.mock.method(content, 'updateEntity', () => Promise.reject(new Error('the process ends here')));
      await assert.rejects(importItem(world.pipeline, first), /the process ends here/);
      mocked.mock.restore();
      await drainPoison(world.pipeline, queueNames.import, first, readImportMessage);
      assert.deepEqual((await world.report()).map(({ sourceId, outcome }) => `${sourceId} ${outcome}`).sort(), [
        'first partial',
        'second skipped',
      ]);
      for (const queue of ['download', 'import'] as const) await world.pipeline.storage.queues[queue].clearMessages();
      await reprocessItems(world.pipeline, {}, 'operator');
      await settle(world);
      assert.equal((await world.outcome('first')).outcome, 'imported');
      assert.equal((await world.mailbox(ADA)).length, 1);
    }));

  test('an item that is lost again and again is parked in the end', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      for (let round = 0; round <= limits.requeues; round += 1) {
        await world.pipeline.storage.queues.download.clearMessages();
        world.advance(limits.staleItemMs + 1);
        await world.sweep();
      }
      await world.sweep();
      assert.equal((await world.outcome('x')).reason, 'no-progress');
      assert.ok((await world.pipeline.ledger.runs.all())[0]?.completedAt);
    }));

  for (const [name, attachment] of [
    ['a copy that cannot be read back is parked', undefined],
    ['a large copy that cannot be read back is parked', Buffer.alloc(4_000_000)],
  ] as const) {
    test(`${name} as verification-failed, and a reprocess finds it instead of making another`, () =>
      withWorld(
        {
          graph: {
            faults: [{ match: { kind: 'get-message', mailbox: ADA }, effect: { type: 'status', status: 404, code: 'ErrorItemNotFound' } }],
          },
        },
        async (world) => {
          world.add('x', attachment === undefined ? sms({ id: 'x' }) : mms('x', [attachment]));
          await world.day();
          const report = await world.outcome('x');
          assert.deepEqual([report.outcome, report.reason], ['partial', 'verification-failed']);
          await reprocessItems(world.pipeline, { reason: 'verification-failed' }, 'operator');
          await settle(world);
          assert.equal((await world.outcome('x')).outcome, 'imported');
          assert.equal((await world.mailbox(ADA)).length, 1);
        },
      ));
  }

  test('a bad copy that an operator finds by its key and removes is made again by a reprocess', () =>
    withWorld(
      {
        graph: {
          faults: [{ match: { kind: 'get-message', mailbox: ADA }, effect: { type: 'status', status: 404, code: 'ErrorItemNotFound' } }],
        },
      },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        const shown = await showParked(world.pipeline, await keyOf(world, 'x'));
        assert.equal(shown?.deliveries.find(({ mailbox }) => mailbox === ADA)?.reason, 'verification-failed');
        // As docs/operations.md says.
        const ask = (path: string, method = 'GET') =>
          fetch(`${world.graph.baseUrl}/v1.0/users/${ADA}/${path}`, { method, headers: { Prefer: 'IdType="ImmutableId"' } });
        const find = async (path: string, filter: string) => {
          const answer = await ask(`${path}?$filter=${encodeURIComponent(filter)}&$select=id`);
          const { value } = (await answer.json()) as { value: readonly { readonly id: string }[] };
          assert.equal(value.length, 1);
          return value[0]?.id ?? '';
        };
        const folder = await find('mailFolders', "displayName eq 'Enterprise Number Archiver'");
        const copy = await find(
          `mailFolders/${folder}/messages`,
          `singleValueExtendedProperties/any(ep: ep/id eq '${ITEM_KEY_PROPERTY}' and ep/value eq '${shown.contentKey}')`,
        );
        assert.equal((await ask(`messages/${copy}`, 'DELETE')).status, 204);
        assert.deepEqual(await world.mailbox(ADA), []);
        assert.equal(await reprocessItem(world.pipeline, shown.itemKey, 'operator'), true);
        await settle(world);
        assert.equal((await world.outcome('x')).outcome, 'imported');
        assert.deepEqual([(await world.mailbox(ADA)).length, (await world.mailbox(BEN)).length], [1, 1]);
      },
    ));
  test('a read-back names all in which a copy is not what was sent, in one request, and says nothing of its content', () =>
    withWorld({}, async (world) => {
      const { importer } = world.pipeline;
      const compose = async (contentKey: string, eml: string) => {
        const raw = Buffer.from(eml);
        const parsed = await parseItem(raw, { userEmailHeader: 'X-None' });
        return importer.compose({ contentKey, sha256: contentKey, arrivedAt: '2026-11-22T10:00:00.000Z', parsed, raw });
      };
      const people = { from: 'Eve <eve@contoso.example>', to: 'Dana <dana@contoso.example>' };
      const sent = await compose('a'.repeat(64), mms('x', [Buffer.alloc(10)], { extra: ['Message-ID: <1@a.example>'] }));
      const other = await compose(
        'b'.repeat(64),
        sms({ ...people, text: 'other words', extra: ['Message-ID: <2@a.example>'] }).replace('Subject: SMS', 'Subject: MMS'),
      );
      const user = await world.pipeline.findMailbox(ADA);
      assert.ok(user);
      const copy = await importer.create(user, sent, async () => undefined);
      const before = world.graph.requests.log.length;
      await importer.verify(user, copy, sent);
      assert.equal(world.graph.requests.log.length, before + 1);
      await assert.rejects(importer.verify(user, copy, other), (error: Error) => {
        assert.ok(error instanceof PermanentError);
        assert.equal(error.reason, 'verification-failed');
        assert.match(error.message, /: key, sha256, subject, sender, recipients, message-id, body, attachments\.$/);
        return true;
      });
    }));

  test('the attachments of an uploaded copy are counted on every page', () =>
    withWorld({}, async (world) => {
      world.add('x', mms('x', [Buffer.alloc(4_000_000), ...Array.from({ length: 120 }, (_, size) => Buffer.alloc(size + 1))]));
      await world.day();
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.equal((await world.mailbox(ADA))[0]?.attachments.length, 121);
    }));

  test('a read-back that is throttled is repeated without a second copy', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'get-message' }, times: 3, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        assert.equal((await world.outcome('x')).outcome, 'imported');
        assert.deepEqual([(await world.mailbox(ADA)).length, (await world.mailbox(BEN)).length], [1, 1]);
      },
    ));

  test('VERIFY_SHARE decides how many copies are read back', () =>
    withWorld({ settings: { VERIFY_SHARE: '0.5' } }, async (world) => {
      for (let item = 0; item < 40; item += 1) world.add(`x${item}`, sms({ id: `x${item}`, to: 'Out <o@outside.example>' }));
      await world.day();
      const read = world.graph.requests.counts['get-message'] ?? 0;
      assert.ok(read > 5 && read < 35, `${read} of 40 copies were read back`);
    }));
});
