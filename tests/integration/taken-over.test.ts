/** One delivery in two hands: an attempt that was given up for dead and is not, or that wakes up after another one took its work. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TableClient } from '@azure/data-tables';
import { PermanentError, RetryAfterError } from '../../shared/errors.ts';
import { createDeliveryLedger, type DeliveryGroup } from '../../shared/ledger/delivery-ledger.ts';
import { limits } from '../../shared/limits.ts';
import { importItem } from '../../shared/pipeline/import-item.ts';
import type { ImportMessage } from '../../shared/pipeline/messages.ts';
import type { Pipeline } from '../../shared/pipeline/pipeline.ts';
import { useWorlds } from '../support/use-worlds.ts';
import { mms, people, sms, type World } from '../support/world.ts';

const ADA = 'ada@contoso.example';
const STAGING = 'Enterprise Number Archiver (staging)';
const DAY_MS = 86_400_000;
/** To Ada alone, so that each test follows one delivery. */
const toAda = { to: 'Nobody 16175550999 <nobody@elsewhere.example>' };
/** Four requests: create, upload session, its one range, move. */
const large = (id: string) => mms(id, [Buffer.alloc(3_200_000, id)], toAda);

/** A place where an attempt waits. */
function gate() {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    /** An attempt that ends without coming here is not waited for. */
    reachedBy: (attempt: Promise<void>) => Promise.race([reached.promise, attempt]),
    open: opened.resolve,
    async pass() {
      reached.resolve();
      await opened.promise;
    },
  };
}
type Gate = ReturnType<typeof gate>;

/** A pipeline whose attempts wait before their request of the given number, counted from 1. */
function waitsBefore(pipeline: Pipeline, request: number, place: Gate): Pipeline {
  let asked = 0;
  const { importer } = pipeline;
  const slowed = (stillOurs: () => Promise<void>) => async () => {
    asked += 1;
    if (asked === request) await place.pass();
    await stillOurs();
  };
  return {
    ...pipeline,
    importer: {
      ...importer,
      create: (mailbox, composed, stillOurs) => importer.create(mailbox, composed, slowed(stillOurs)),
      find: (mailbox, composed, stillOurs) => importer.find(mailbox, composed, slowed(stillOurs)),
    },
  };
}

/** A pipeline whose attempts hear late that they are still the ones. */
function hearsLate(pipeline: Pipeline, place: Gate): Pipeline {
  const { deliveries } = pipeline.ledger;
  return {
    ...pipeline,
    ledger: {
      ...pipeline.ledger,
      deliveries: {
        ...deliveries,
        async confirm(...request) {
          const hold = await deliveries.confirm(...request);
          await place.pass();
          return hold;
        },
      },
    },
  };
}

/** A pipeline whose attempts wait before they look for what another one may have made. */
function waitsBeforeLooking(pipeline: Pipeline, place: Gate): Pipeline {
  const { importer } = pipeline;
  return {
    ...pipeline,
    importer: {
      ...importer,
      async find(...request) {
        await place.pass();
        return importer.find(...request);
      },
    },
  };
}

/** A pipeline whose attempts wait after the copy was made, and then go on as `end` says. */
function waitsAfterwards(pipeline: Pipeline, place: Gate, end: () => void = () => undefined): Pipeline {
  const { importer } = pipeline;
  return {
    ...pipeline,
    importer: {
      ...importer,
      async create(...request) {
        const copy = await importer.create(...request);
        await place.pass();
        end();
        return copy;
      },
    },
  };
}

describe('a delivery in two hands', () => {
  const withWorld = useWorlds();

  /** Lists and downloads one item. @returns what the import queue says of it. */
  const stage = async (world: World, id: string, eml: string): Promise<ImportMessage> => {
    world.add(id, eml);
    await world.list();
    return world.download(id);
  };
  const isPutOff = (error: unknown) => error instanceof RetryAfterError;
  /** Sees the other attempt, waits as long as it has to, and takes the delivery up. */
  const takeOver = async (world: World, pipeline: Pipeline, message: ImportMessage) => {
    await assert.rejects(importItem(pipeline, message), isPutOff);
    world.advance(limits.createSettlesMs);
    await importItem(pipeline, message);
  };
  const checkImported = async (world: World, id: string) => {
    assert.equal((await world.outcome(id)).outcome, 'imported');
    assert.equal((await world.mailbox(ADA)).length, 1);
    assert.equal((await world.mailbox(ADA, STAGING)).length, 0);
  };

  test('an attempt that wakes up after another one took its work sends nothing', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', sms({ id: 'x', ...toAda }));
      const place = gate();
      const slow = importItem(waitsBefore(world.pipeline, 1, place), message);
      await place.reachedBy(slow);
      await takeOver(world, world.restart(), message);
      place.open();
      await assert.rejects(slow, isPutOff);
      assert.equal(world.graph.requests.counts['create-message'], 1);
      await checkImported(world, 'x');
    }));

  test('an attempt that hears too late that it is still the one sends nothing', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', sms({ id: 'x', ...toAda }));
      const [place, answer] = [gate(), gate()];
      const slow = importItem(waitsBefore(hearsLate(world.pipeline, answer), 1, place), message);
      await place.reachedBy(slow);
      world.advance(limits.attemptConfirmMs);
      place.open();
      await answer.reachedBy(slow);
      await takeOver(world, world.restart(), message);
      answer.open();
      await assert.rejects(slow, isPutOff);
      assert.equal(world.graph.requests.counts['create-message'], 1);
      await checkImported(world, 'x');
    }));

  test('an attempt that is only slow keeps its work while others wait for it', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', sms({ id: 'x', ...toAda }));
      const place = gate();
      const slow = importItem(waitsBefore(world.pipeline, 1, place), message);
      await place.reachedBy(slow);
      const other = world.restart();
      await assert.rejects(importItem(other, message), isPutOff);
      world.advance(limits.createSettlesMs - 1);
      await assert.rejects(importItem(other, message), isPutOff);
      place.open();
      await slow;
      await importItem(other, message);
      assert.equal(world.graph.requests.counts['find-message'], undefined, 'nobody had to look for the copy');
      await checkImported(world, 'x');
    }));

  test('a long upload goes on under the eyes of one who waits, request by request', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', large('x'));
      const [third, fourth] = [gate(), gate()];
      const slow = importItem(waitsBefore(waitsBefore(world.pipeline, 3, third), 4, fourth), message);
      await third.reachedBy(slow);
      const other = world.restart();
      await assert.rejects(importItem(other, message), isPutOff);
      world.advance(limits.createSettlesMs - 1);
      third.open();
      await fourth.reachedBy(slow);
      world.advance(1);
      // Its third request was the sign of life that starts the wait over.
      await assert.rejects(importItem(other, message), isPutOff);
      fourth.open();
      await slow;
      await importItem(other, message);
      await checkImported(world, 'x');
    }));

  test('a finished upload is not moved any more when its leftovers are just being cleared away', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', large('x'));
      const [beforeMove, beforeRemoval] = [gate(), gate()];
      const slow = importItem(waitsBefore(world.pipeline, 4, beforeMove), message);
      await beforeMove.reachedBy(slow);
      assert.equal((await world.mailbox(ADA, STAGING)).length, 1, 'all but the move is done');
      const other = world.restart();
      await assert.rejects(importItem(other, message), isPutOff);
      world.advance(limits.createSettlesMs);
      const second = importItem(waitsBefore(other, 1, beforeRemoval), message);
      await beforeRemoval.reachedBy(second);
      beforeMove.open();
      await assert.rejects(slow, isPutOff);
      beforeRemoval.open();
      await second;
      assert.equal(world.graph.requests.counts['move-message'], 1);
      await checkImported(world, 'x');
    }));

  test('one that was itself taken over does not clear away what its successor is making', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', large('x'));
      const [inUpload, beforeLooking, beforeMove] = [gate(), gate(), gate()];
      const first = importItem(waitsBefore(world.pipeline, 3, inUpload), message);
      await inUpload.reachedBy(first);
      const second = world.restart();
      await assert.rejects(importItem(second, message), isPutOff);
      world.advance(limits.createSettlesMs);
      const looking = importItem(waitsBeforeLooking(second, beforeLooking), message);
      await beforeLooking.reachedBy(looking);
      const third = world.restart();
      await assert.rejects(importItem(third, message), isPutOff);
      world.advance(limits.createSettlesMs);
      // After the removal of what the first one left.
      const making = importItem(waitsBefore(third, 5, beforeMove), message);
      await beforeMove.reachedBy(making);
      beforeLooking.open();
      await assert.rejects(looking, isPutOff);
      assert.equal((await world.mailbox(ADA, STAGING)).length, 1, 'what is about to be moved is still there');
      inUpload.open();
      await assert.rejects(first, isPutOff);
      beforeMove.open();
      await making;
      await checkImported(world, 'x');
    }));

  for (const [name, end] of Object.entries({
    'a refusal': (): void => {
      throw new PermanentError('graph-refused', 'refused');
    },
    'a success': (): void => undefined,
    'an accident': (): void => {
      throw new Error('of our own');
    },
  })) {
    test(`${name} that comes after somebody took the delivery up changes nothing`, () =>
      withWorld({}, async (world) => {
        const message = await stage(world, 'x', sms({ id: 'x', ...toAda }));
        const place = gate();
        const slow = importItem(waitsAfterwards(world.pipeline, place, end), message);
        await place.reachedBy(slow);
        const other = world.restart();
        await takeOver(world, other, message);
        const group = { runId: message.runId, contentKey: (await world.outcome('x')).contentKey ?? '' };
        const before = await other.ledger.deliveries.of(group);
        place.open();
        await assert.rejects(slow, isPutOff);
        assert.deepEqual(await other.ledger.deliveries.of(group), before);
        await checkImported(world, 'x');
      }));
  }

  test('a success that somebody waits for is written all the same', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', sms({ id: 'x', ...toAda }));
      const place = gate();
      const slow = importItem(waitsAfterwards(world.pipeline, place), message);
      await place.reachedBy(slow);
      const other = world.restart();
      await assert.rejects(importItem(other, message), isPutOff);
      place.open();
      await slow;
      await importItem(other, message);
      assert.equal(world.graph.requests.counts['find-message'], undefined, 'nobody had to look for the copy');
      await checkImported(world, 'x');
    }));

  test('a clock that jumps ahead makes no attempt look dead', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', sms({ id: 'x', ...toAda }));
      const place = gate();
      const slow = importItem(waitsBefore(world.pipeline, 1, place), message);
      await place.reachedBy(slow);
      world.advance(DAY_MS);
      const other = world.restart();
      await assert.rejects(importItem(other, message), isPutOff);
      place.open();
      await slow;
      await importItem(other, message);
      await checkImported(world, 'x');
    }));

  test('a clock that is set back keeps nobody waiting for the dead', () =>
    withWorld({}, async (world) => {
      const message = await stage(world, 'x', sms({ id: 'x', ...toAda }));
      const place = gate();
      const dead = importItem(waitsBefore(world.pipeline, 1, place), message);
      await place.reachedBy(dead);
      const other = world.restart();
      await assert.rejects(importItem(other, message), isPutOff);
      world.advance(-DAY_MS);
      await takeOver(world, other, message);
      await checkImported(world, 'x');
      place.open();
      await assert.rejects(dead, isPutOff);
    }));

  test('two who put a failed delivery back to work leave the one alone that is under way already', () =>
    withWorld({}, async (world) => {
      const { group, mailbox, ledger } = await oneDelivery(world);
      const [{ hold } = assert.fail('there is one delivery')] = await ledger.begin(group, [mailbox]);
      assert.ok(hold);
      await ledger.ended(group, [{ mailbox, state: 'failed', reason: 'graph-refused', hold }]);
      const table = world.pipeline.storage.tables.deliveries;
      const late = ledgerOver(
        world,
        interleaved(table, async () => {
          await ledger.reopened(group);
          const [left] = await ledger.begin(group, [mailbox]);
          assert.ok(left);
          assert.ok(await ledger.resume(group, left));
        }),
      );
      await late.reopened(group);
      const [row] = await ledger.of(group);
      assert.deepEqual({ state: row?.state, settled: row?.settled }, { state: 'creating', settled: false });
    }));

  test('a write that took effect before its answer was lost is known for one’s own', () =>
    withWorld({}, async (world) => {
      const { group, mailbox, ledger } = await oneDelivery(world);
      const { table, loseNextAnswer } = repeating(world.pipeline.storage.tables.deliveries);
      const unlucky = ledgerOver(world, table);
      loseNextAnswer();
      const [{ hold } = assert.fail('there is one delivery')] = await unlucky.begin(group, [mailbox]);
      assert.ok(hold, 'the insert');
      loseNextAnswer();
      assert.deepEqual(await unlucky.ended(group, [{ mailbox, state: 'pending', hold }]), [], 'the end');
      const [left] = await unlucky.begin(group, [mailbox]);
      assert.ok(left);
      loseNextAnswer();
      const taken = await unlucky.resume(group, left);
      assert.ok(taken, 'the take-over');
      assert.equal((await ledger.confirm(group, mailbox, taken))?.attempt, taken.attempt);
    }));

  const ledgerOver = (world: World, table: TableClient) => createDeliveryLedger(table, world.now, world.pipeline.audit.record);
  const oneDelivery = async (world: World) => {
    const mailbox = await world.pipeline.findMailbox(people[0]?.mail ?? '');
    assert.ok(mailbox);
    const group: DeliveryGroup = { runId: '2026-11-23', contentKey: 'a'.repeat(64) };
    return { group, mailbox, ledger: ledgerOver(world, world.pipeline.storage.tables.deliveries) };
  };
});

/** A table on which something else happens just before the first row is changed. */
function interleaved(table: TableClient, happens: () => Promise<void>): TableClient {
  let first = true;
  return changed(table, 'updateEntity', async (request) => {
    if (first) await happens();
    first = false;
    return request();
  });
}

/** A table whose client sends the next write twice, as it does after a lost answer, and gives the second answer. */
function repeating(table: TableClient): { readonly table: TableClient; loseNextAnswer(): void } {
  let isLost = false;
  const around = async (request: () => Promise<unknown>) => {
    if (isLost) await request();
    isLost = false;
    return request();
  };
  return {
    table: changed(changed(table, 'updateEntity', around), 'createEntity', around),
    loseNextAnswer() {
      isLost = true;
    },
  };
}

function changed(table: TableClient, method: 'updateEntity' | 'createEntity', around: (request: () => Promise<unknown>) => unknown) {
  return new Proxy(table, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      const call = (...request: unknown[]) => value.apply(target, request) as Promise<unknown>;
      return name === method ? (...request: unknown[]) => around(() => call(...request)) : call;
    },
  });
}
