/** The queues of parked items: each parked item has one message there, nothing else stays, and what is measured is what a person has to do. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { identityOf } from '../../shared/ledger/item-row.ts';
import { limits } from '../../shared/limits.ts';
import { downloadItem } from '../../shared/pipeline/download-item.ts';
import { drainPoison } from '../../shared/pipeline/drain-poison.ts';
import { importItem } from '../../shared/pipeline/import-item.ts';
import { readImportMessage } from '../../shared/pipeline/messages.ts';
import { discardItem, listParked, reprocessItem } from '../../shared/pipeline/parked-items.ts';
import type { Pipeline } from '../../shared/pipeline/pipeline.ts';
import { discardMessages, tidyParked } from '../../shared/pipeline/tidy-parked.ts';
import { queueNames } from '../../shared/storage/storage.ts';
import { changeLimits } from '../support/change-limits.ts';
import { useWorlds } from '../support/use-worlds.ts';
import { sms, type World } from '../support/world.ts';

const unmapped = (id: string) => sms({ id, from: 'N 16175550998 <n@elsewhere.example>', to: 'M 16175550997 <m@elsewhere.example>' });

describe('messages of parked items', () => {
  const withWorld = useWorlds();
  const rowOf = async (world: World, id: string) => {
    const row = await world.pipeline.ledger.items.find(id);
    assert.ok(row);
    return row;
  };
  const keyOf = async (world: World, id: string) => (await rowOf(world, id)).itemKey;
  const messageIds = async (world: World) => {
    const { peekedMessageItems } = await world.pipeline.storage.queues.unmapped.peekMessages({ numberOfMessages: 32 });
    return peekedMessageItems.map(({ messageId }) => messageId);
  };
  /** Somebody looks into the queue: the receipts that the rows have are void from now on. */
  const receiveAll = async (world: World) => {
    const queue = world.pipeline.storage.queues.unmapped;
    for (const { messageId, popReceipt, messageText } of (await queue.receiveMessages({ numberOfMessages: 32 })).receivedMessageItems)
      await queue.updateMessage(messageId, popReceipt, messageText, 0);
  };
  const depthOf = async (world: World) => (await tidyParked(world.pipeline)).unmapped.depth;
  /** A pipeline that stops where the ledger of items is told this. */
  const stopAt = ({ ledger, ...rest }: Pipeline, step: 'ended' | 'unparked'): Pipeline => ({
    ...rest,
    ledger: { ...ledger, items: { ...ledger.items, [step]: () => Promise.reject(new Error('killed')) } },
  });
  const map = async (world: World, number: string) => {
    const text = `External User ID,Microsoft 365 User Mailbox\n${number},ada@contoso.example\n`;
    await world.pipeline.storage.containers.config.getBlockBlobClient('mapping.csv').upload(text, text.length);
    world.advance(60_000);
  };

  test('an item that was parked and then turns out to be a duplicate leaves none', () =>
    withWorld({}, async (world) => {
      for (const id of ['first', 'second']) world.add(id, unmapped('same'));
      // The first one's download fails once, so that the second is parked before it.
      world.teleMessage.setFaults([
        { match: { kind: 'content', id: 'first' }, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } },
      ]);
      await world.list();
      await world.work();
      assert.equal((await world.outcome('second')).outcome, 'skipped');
      assert.deepEqual(await messageIds(world), [(await rowOf(world, 'first')).parkedMessageId]);
      assert.deepEqual(
        (await listParked(world.pipeline)).items.map(({ sourceId }) => sourceId),
        ['first'],
      );
    }));

  test('an item whose parking a crash cut off and repeated has one in the end, which is that of its row', () =>
    withWorld({}, async (world) => {
      world.add('x', unmapped('x'));
      await world.list();
      await world.pipeline.storage.queues.download.clearMessages();
      await downloadItem(world.pipeline, identityOf(await rowOf(world, 'x')));
      await world.pipeline.storage.queues.import.clearMessages();
      const { size = 0, sha256 = '', ...row } = await rowOf(world, 'x');
      const message = { ...identityOf(row), size, sha256 };
      await assert.rejects(importItem(stopAt(world.pipeline, 'ended'), message), /killed/);
      await importItem(world.pipeline, message);
      assert.equal((await messageIds(world)).length, 2);
      assert.equal(await depthOf(world), 1);
      assert.equal((await messageIds(world)).length, 2, 'too early to tell: either may be ahead of its row');
      world.advance(limits.parkingSettlesMs);
      await world.sweep();
      assert.deepEqual(await messageIds(world), [(await rowOf(world, 'x')).parkedMessageId]);
    }));

  for (const [end, work] of [
    ['imported', async (world: World, key: string) => assert.equal(await reprocessItem(world.pipeline, key, 'operator'), true)],
    ['unmapped', async (world: World, key: string) => assert.equal(await discardItem(world.pipeline, key, 'a test', 'operator'), true)],
  ] as const) {
    test(`one that was out of reach when its item was ${end === 'imported' ? 'put back to work' : 'given up'} is not measured, and is removed by the sweep`, () =>
      withWorld({}, async (world) => {
        for (const id of ['x', 'stays']) world.add(id, id === 'x' ? unmapped(id) : unmapped(id).replaceAll('16175550998', '16175550888'));
        await world.day();
        await receiveAll(world);
        await map(world, '16175550998');
        await work(world, await keyOf(world, 'x'));
        await world.work();
        assert.equal((await world.outcome('x')).outcome, end);
        assert.equal((await messageIds(world)).length, 2);
        assert.equal(await depthOf(world), 1);
        world.advance(limits.parkingSettlesMs);
        await world.sweep();
        assert.deepEqual(await messageIds(world), [(await rowOf(world, 'stays')).parkedMessageId]);
        assert.equal(await depthOf(world), 1);
      }));
  }

  test('an entry that a crash has left in the index of an imported item is not measured, and goes', () =>
    withWorld({}, async (world) => {
      world.add('x', unmapped('x'));
      await world.day();
      await map(world, '16175550998');
      const key = await keyOf(world, 'x');
      await assert.rejects(reprocessItem(stopAt(world.pipeline, 'unparked'), key, 'operator'), /killed/);
      await world.work();
      assert.equal((await world.outcome('x')).outcome, 'imported');
      assert.equal(await depthOf(world), 0);
      assert.ok(await world.pipeline.ledger.items.parkedRow(key), 'too early to tell: it may be ahead of the row of its item');
      world.advance(limits.parkingSettlesMs);
      assert.equal(await depthOf(world), 0);
      assert.equal(await world.pipeline.ledger.items.parkedRow(key), undefined);
    }));

  test('one that names no item of ours is measured and stays until an operator discards it by its digest', () =>
    withWorld({}, async (world) => {
      world.add('x', unmapped('x'));
      await world.day();
      const { failed, unmapped: queue } = world.pipeline.storage.queues;
      await drainPoison(world.pipeline, queueNames.import, { runId: 'x' }, readImportMessage);
      await queue.sendMessage('no base64 {', { messageTimeToLive: -1 });
      const stranger = { runId: 'enterprise-number-000001', itemKey: '0'.repeat(40), parkedAt: world.now().toISOString() };
      await failed.sendMessage(Buffer.from(JSON.stringify(stranger)).toString('base64'), { messageTimeToLive: -1 });
      world.advance(limits.parkingSettlesMs);
      await world.sweep();
      const depths = async () => {
        const waiting = await tidyParked(world.pipeline);
        return [waiting.unmapped.depth, waiting.failed.depth];
      };
      assert.deepEqual(await depths(), [2, 2]);
      const digests = new Set(world.log.flatMap((line) => /message\.unreadable .*"digest":"([0-9a-f]{64})"/.exec(line)?.[1] ?? []));
      assert.equal(digests.size, 3);
      assert.equal(await discardMessages(world.pipeline, '0'.repeat(64), 'nonsense', 'operator'), 0);
      for (const digest of digests) assert.equal(await discardMessages(world.pipeline, digest, 'nonsense', 'operator'), 1);
      assert.deepEqual(await depths(), [1, 0]);
      assert.deepEqual(await messageIds(world), [(await rowOf(world, 'x')).parkedMessageId]);
      const discarded = [];
      for await (const { text } of world.pipeline.audit.lines()) if (text.includes('message.discarded')) discarded.push(text);
      assert.equal(discarded.length, 3);
      for (const text of discarded) assert.match(text, /"discardReason":"nonsense","by":"operator"/);
    }));

  test('of a parked item whose row was lost, it is left alone, and the next sweeps make the row anew although the run is complete', () =>
    withWorld({}, async (world) => {
      world.add('x', unmapped('x'));
      await world.day();
      const { completedAt } = (await world.pipeline.ledger.runs.all())[0] ?? {};
      assert.ok(completedAt);
      const { partitionKey = '', rowKey = '', itemKey } = await rowOf(world, 'x');
      await world.pipeline.storage.tables.items.deleteEntity(partitionKey, rowKey);
      world.advance(limits.parkingSettlesMs);
      // Two messages, so that there are more than parked items and they are looked at.
      await world.pipeline.storage.queues.unmapped.sendMessage('no base64 {', { messageTimeToLive: -1 });
      await world.sweep();
      assert.equal(world.log.filter((line) => line.includes('message.unreadable')).length, 1, 'the one that names no item');
      for (let round = 0; round < 2; round += 1) {
        await world.sweep();
        await world.work();
      }
      await world.sweep();
      assert.equal((await world.outcome('x')).outcome, 'unmapped');
      assert.deepEqual(
        (await listParked(world.pipeline)).items.map((item) => item.itemKey),
        [itemKey],
      );
      const [run] = await world.pipeline.ledger.runs.all();
      assert.deepEqual([run?.completedAt, run?.recount], [completedAt, false]);
    }));

  test('one that stands for an item is not removed by its digest', () =>
    withWorld({}, async (world) => {
      const queue = world.pipeline.storage.queues.unmapped;
      world.add('x', unmapped('x'));
      await world.day();
      const [parked] = (await queue.peekMessages()).peekedMessageItems;
      const content = JSON.parse(Buffer.from(parked?.messageText ?? '', 'base64').toString()) as object;
      const digest = 'a'.repeat(64);
      await queue.clearMessages();
      await queue.sendMessage(Buffer.from(JSON.stringify({ ...content, digest })).toString('base64'), { messageTimeToLive: -1 });
      assert.equal(await discardMessages(world.pipeline, digest, 'nonsense', 'operator'), 0);
      assert.equal(await world.depth('unmapped'), 1);
    }));

  test('where there are more than one sweep looks through, the next ones see the others', (context) => {
    changeLimits(context, { parkedMessages: 2 });
    return withWorld({}, async (world) => {
      for (const id of ['x', 'y', 'z', 'stays']) world.add(id, unmapped(id));
      await world.day();
      await receiveAll(world);
      for (const id of ['x', 'y', 'z']) assert.equal(await discardItem(world.pipeline, await keyOf(world, id), 'a test', 'operator'), true);
      world.advance(limits.parkingSettlesMs);
      await world.sweep();
      assert.ok((await messageIds(world)).length >= 2, 'no more than two were looked at');
      for (let sweep = 0; sweep < 3; sweep += 1) await world.sweep();
      assert.deepEqual(await messageIds(world), [(await rowOf(world, 'stays')).parkedMessageId]);
    });
  });
});
