/**
 * The parts of the local host's triggers that need no storage: routes, message texts, metadata, polling delays, leases.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import { holdMessage } from '../../local/host/message-lease.ts';
import { createPollDelays } from '../../local/host/poll-delays.ts';
import { decodeMessageText, queueTriggerMetadata } from '../../local/host/queue-message.ts';
import { parseRoute } from '../../local/host/route-template.ts';

describe('a route', () => {
  const cases: [string, string, Record<string, string> | undefined][] = [
    ['parked', '/parked', {}],
    ['parked', '/Parked/', {}],
    ['parked', '/parked/7', undefined],
    ['parked', '/parkedx', undefined],
    ['parked/{id?}', '/parked', {}],
    ['parked/{id?}', '/parked/a b', { id: 'a b' }],
    ['parked/{id?}', '/parked/a/b', undefined],
    ['parked/{id}', '/parked', undefined],
    ['items/{key}/deliveries/{mailbox}', '/items/k1/deliveries/m1', { key: 'k1', mailbox: 'm1' }],
    ['files/{*path}', '/files/a/b.html', { path: 'a/b.html' }],
    ['files/{*path}', '/files', {}],
    ['v1.0', '/v1x0', undefined],
  ];
  for (const [template, path, expected] of cases) {
    test(`${template} ${expected ? 'matches' : 'does not match'} ${path}`, () => {
      assert.deepEqual(parseRoute(template, 'function x').match(path), expected);
    });
  }

  test('that this host would read differently from the real one is refused', () => {
    for (const template of ['{id:int}', 'a-{id}', '{id?}/b', '{*rest}/b', '{id']) {
      assert.throws(() => parseRoute(template, 'function x'), /function x has the route/);
    }
  });
});

const message: DequeuedMessageItem = {
  messageId: 'the-id',
  popReceipt: 'receipt-0',
  dequeueCount: 2,
  messageText: '',
  insertedOn: new Date('2024-05-01T00:00:00Z'),
  expiresOn: new Date('2024-05-08T00:00:00Z'),
  nextVisibleOn: new Date('2024-05-01T00:10:00Z'),
};

describe('a message text', () => {
  test('is decoded from base64 and UTF-8', () => {
    assert.equal(decodeMessageText(Buffer.from('שלום').toString('base64'), 'base64'), 'שלום');
    assert.equal(decodeMessageText('aGk\r\n=', 'base64'), 'hi');
  });

  test('that is not base64 is told from one that happens to be', () => {
    for (const text of ['{"a":1}', 'aGk', 'aGk==', 'a=Gk', 'aG_k']) {
      assert.equal(decodeMessageText(text, 'base64'), undefined, text);
    }
    assert.notEqual(decodeMessageText('word', 'base64'), undefined);
    assert.equal(decodeMessageText('{"a":1}', 'none'), '{"a":1}');
  });

  test('whose JSON names a property of an object itself does no harm', () => {
    const metadata = queueTriggerMetadata(message, '{"__proto__":{"polluted":true},"constructor":1,"ID":"mine"}');
    assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    assert.deepEqual(metadata['Id'], { string: 'mine' });
    assert.ok(!Object.hasOwn(metadata, 'ID'));
  });
});

describe('polling an empty queue', () => {
  test('slows down to the longest delay and is quick again after a message', () => {
    const delays = createPollDelays(100, 1000, () => 0.5);
    const slowing = Array.from({ length: 7 }, () => delays.afterEmptyPoll());
    assert.deepEqual(slowing, [100, 200, 300, 500, 900, 1000, 1000]);
    delays.reset();
    assert.equal(delays.afterEmptyPoll(), 100);
  });

  test('is spread, so that queues are not polled in step', () => {
    const second = (random: number) => {
      const delays = createPollDelays(100, 1000, () => random);
      delays.afterEmptyPoll();
      return delays.afterEmptyPoll();
    };
    assert.deepEqual([second(0), second(1)], [180, 220]);
  });
});

describe('a held message', () => {
  function fakeQueue(answers: (() => Promise<{ popReceipt: string }>)[]) {
    const renewals: unknown[][] = [];
    const updateMessage = (...parameters: unknown[]) => {
      renewals.push(parameters);
      return answers.shift()?.();
    };
    return { queue: { updateMessage } as unknown as QueueClient, renewals };
  }

  test('is hidden again at half of its time, each time with the newest receipt, and no more after its end', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { queue, renewals } = fakeQueue([async () => ({ popReceipt: 'receipt-1' }), async () => ({ popReceipt: 'receipt-2' })]);
    const lease = holdMessage(queue, message, 600_000, (error) => assert.fail(String(error)));
    t.mock.timers.tick(299_999);
    assert.equal(renewals.length, 0);
    t.mock.timers.tick(1);
    t.mock.timers.tick(300_000);
    assert.equal(await lease.end(), 'receipt-2');
    t.mock.timers.tick(900_000);
    assert.deepEqual(renewals, [
      ['the-id', 'receipt-0', undefined, 600],
      ['the-id', 'receipt-1', undefined, 600],
    ]);
  });

  test('that was taken by somebody else is reported once', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { queue, renewals } = fakeQueue([() => Promise.reject(new Error('stale'))]);
    const lost: unknown[] = [];
    const lease = holdMessage(queue, message, 600_000, (error) => lost.push(error));
    t.mock.timers.tick(300_000);
    assert.equal(await lease.end(), 'receipt-0');
    t.mock.timers.tick(600_000);
    assert.deepEqual([renewals.length, lost.map(String)], [1, ['Error: stale']]);
  });
});
