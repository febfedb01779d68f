/**
 * Queue triggers of the local host behave as the real host's do.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { startAzurite } from '../../local/storage/start-azurite.ts';
import { createTestHosts } from '../fixtures/local-host/test-host.ts';

let azurite: Azurite;
before(async () => {
  azurite = await startAzurite();
});
after(() => azurite.stop());
const { startWorkHost, encode } = createTestHosts(() => azurite.connectionString);

describe('a message', () => {
  test('that its function takes is deleted, and the function gets it as an object', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage(encode({ itemId: 'a-1' }));
    await host.drain();
    assert.match(await host.line(/^SEEN /), /message: \{ itemId: 'a-1' \}/);
    assert.deepEqual(host.ends('work'), [{ ok: true, dequeueCount: 1, error: undefined }]);
    assert.equal(await host.count(host.queue), 0);
  });

  test('whose text looks like a number arrives as one: 89e7073266 is Infinity', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage(encode('89e7073266'));
    assert.match(await host.line(/^SEEN /), /message: Infinity/);
  });

  test('that is not JSON arrives as text', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage(encode('{"half":'));
    assert.match(await host.line(/^SEEN /), /message: '\{"half":'/);
  });

  test('has its top-level properties laid over the metadata of the trigger, whatever their case', async (t) => {
    const host = await startWorkHost(t);
    const sent = await host.queue.sendMessage(encode({ id: 'mine', DEQUEUECOUNT: 99, other: { deep: true } }));
    const seen = await host.line(/^SEEN /);
    assert.match(seen, /metadata: \{.* id: 'mine',/);
    assert.match(seen, /dequeueCount: 99,/);
    assert.match(seen, /other: \{ deep: true \}/);
    assert.ok(!seen.includes(sent.messageId));
  });

  test('brings its id, its receipt, its times and the number of its try', async (t) => {
    const host = await startWorkHost(t);
    const sent = await host.queue.sendMessage(encode({}));
    const seen = await host.line(/^SEEN /);
    assert.ok(seen.includes(`id: '${sent.messageId}'`));
    assert.ok(seen.includes(`insertionTime: '${sent.insertedOn.toISOString()}'`));
    assert.ok(seen.includes(`expirationTime: '${sent.expiresOn.toISOString()}'`));
    assert.match(seen, /popReceipt: '[^']+'/);
    assert.match(seen, /dequeueCount: 1,/);
  });

  test('that is not base64 goes to the poison queue as it is, without an invocation', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage('{"plain":"text"}');
    const { reason } = await host.event('movedToPoison');
    assert.equal(reason, 'not base64');
    assert.equal((await host.poison.receiveMessages()).receivedMessageItems[0]?.messageText, '{"plain":"text"}');
    assert.equal(await host.count(host.queue), 0);
    assert.deepEqual(host.ends('work'), []);
  });

  test('is taken as plain text with the encoding none', async (t) => {
    const host = await startWorkHost(t, { queues: { messageEncoding: 'none' } });
    await host.queue.sendMessage('{"itemId":"plain"}');
    assert.match(await host.line(/^SEEN /), /message: \{ itemId: 'plain' \}/);
  });
});

describe('a message whose function fails', () => {
  test('stays hidden for the visibility timeout of host.json, not for its lease', async (t) => {
    const host = await startWorkHost(t, { queues: { visibilityTimeout: '01:00:00' }, leaseMs: 1000 });
    await host.queue.sendMessage(encode({ behaviour: 'fail' }));
    await host.event('idle');
    // By the time that this one comes, the lease of the other has long ended.
    await host.queue.sendMessage(encode({ itemId: 'later' }), { visibilityTimeout: 3 });
    await host.line(/^SEEN .*later/);
    assert.deepEqual(
      host.starts('work').map(({ dequeueCount }) => dequeueCount),
      [1, 1],
    );
    assert.equal(host.ends('work')[0]?.error, 'told to fail');
    assert.equal(await host.count(host.poison), 0);
  });

  test('is tried again, and draining waits for that', async (t) => {
    const host = await startWorkHost(t, { queues: { visibilityTimeout: '00:00:01' } });
    await host.queue.sendMessage(encode({ behaviour: 'fail', untilTry: 3 }));
    await host.drain();
    const tries = host.ends('work').map(({ ok, dequeueCount }) => [dequeueCount, ok]);
    assert.deepEqual(tries, [
      [1, false],
      [2, false],
      [3, true],
    ]);
    assert.equal(await host.count(host.poison), 0);
  });

  test('goes to the poison queue after its last try, there to live for 7 days', async (t) => {
    const host = await startWorkHost(t, { queues: { maxDequeueCount: 2 } });
    const text = encode({ behaviour: 'fail' });
    await host.queue.sendMessage(text, { messageTimeToLive: -1 });
    const { reason } = await host.event('movedToPoison');
    assert.equal(reason, 'tries used up');
    assert.deepEqual(
      host.ends('work').map(({ dequeueCount }) => dequeueCount),
      [1, 2],
    );
    const [poisoned, ...more] = (await host.poison.receiveMessages()).receivedMessageItems;
    assert.deepEqual(more, []);
    assert.equal(poisoned?.messageText, text);
    assert.equal(poisoned.expiresOn.getTime() - poisoned.insertedOn.getTime(), 7 * 24 * 3600 * 1000);
    assert.equal(await host.count(host.queue), 0);
  });

  test('goes to the poison queue at once after its last try, without the pause of a further one', async (t) => {
    const host = await startWorkHost(t, { queues: { maxDequeueCount: 1, visibilityTimeout: '01:00:00' } });
    await host.queue.sendMessage(encode({ behaviour: 'fail' }));
    await host.drain();
    assert.equal(await host.count(host.poison), 1);
    assert.equal(host.starts('work').length, 1);
  });

  test('with undefined thrown counts as done', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage(encode({ behaviour: 'throw undefined' }));
    await host.drain();
    assert.deepEqual(host.ends('work'), [{ ok: true, dequeueCount: 1, error: undefined }]);
  });

  test('in a poison queue has no poison queue of its own: it is not given back, and comes back after its lease without end', async (t) => {
    const host = await startWorkHost(t, { queues: { maxDequeueCount: 1, visibilityTimeout: '01:00:00' }, leaseMs: 1000 });
    const alone = host.queueNamed('alone-poison');
    await alone.create();
    await alone.sendMessage(encode({ behaviour: 'fail' }));
    await host.started('poisoned', 3);
    assert.deepEqual(
      host.starts('poisoned').map(({ dequeueCount }) => dequeueCount),
      [1, 2, 3],
    );
    assert.equal(await host.queueNamed('alone-poison-poison').exists(), false);
  });
});

describe('the host', () => {
  test('survives that somebody else has taken a message before it could delete it, and says so', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage(encode({ behaviour: 'take away' }));
    assert.match(await host.line(/could not be deleted/), /its receipt is stale/);
    assert.equal(await host.count(host.queue), 1);
    await host.queue.sendMessage(encode({ itemId: 'next' }));
    assert.match(await host.line(/SEEN .*next/), /next/);
  });

  test('takes a new batch only when so many are left as the threshold says', async (t) => {
    const waiting = Array.from({ length: 10 }, () => encode({ behaviour: 'hold' }));
    const host = await startWorkHost(t, { queues: { batchSize: 4, newBatchThreshold: 2 }, waiting });
    await host.started('work', 4);
    await host.release(1);
    await host.release(1);
    await host.started('work', 8);
    const kinds = host.events.flatMap((event) =>
      event.kind.startsWith('invocation') && 'name' in event && event.name === 'work' ? [event.kind] : [],
    );
    const [start, end] = ['invocationStarted', 'invocationEnded'];
    assert.deepEqual(kinds, [start, start, start, start, end, end, start, start, start, start]);
    await host.release(4);
    await host.started('work', 10);
    await host.release(10);
    await host.drain();
    assert.equal(host.ends('work').length, 10);
  });

  test('waits for a queue that does not exist, says so once, and does not create it', async (t) => {
    const host = await startWorkHost(t);
    const late = host.queueNamed('late');
    await host.line(/late does not exist/);
    // Another queue's whole way takes many polls of the missing one.
    await host.queue.sendMessage(encode({ behaviour: 'fail', untilTry: 3 }));
    await host.drain();
    assert.equal(host.lines.filter((line) => line.includes('late does not exist')).length, 1);
    assert.equal(await late.exists(), false);
    await late.create();
    await late.sendMessage(encode({ itemId: 'late' }));
    assert.match(await host.line(/^SEEN .*late/), /itemId: 'late'/);
  });

  test('does not drain while a message waits with a delay', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage(encode({ itemId: 'delayed' }), { visibilityTimeout: 1 });
    await host.drain();
    assert.equal(host.ends('work').length, 1);
  });

  test('lets what is under way end when it is stopped', async (t) => {
    const host = await startWorkHost(t);
    await host.queue.sendMessage(encode({ behaviour: 'take time' }));
    await host.started('work', 1);
    const refused = assert.rejects(host.drain(), /stopped before its queues were empty/);
    assert.deepEqual(await host.process.stop(), { finished: true });
    await refused;
    assert.deepEqual(
      host.ends('work').map(({ ok }) => ok),
      [true],
    );
    assert.equal(await host.count(host.queue), 0);
  });

  test('cuts what does not end in the grace, and says that it did', async (t) => {
    const host = await startWorkHost(t, { graceMs: 50 });
    await host.queue.sendMessage(encode({ behaviour: 'hold' }));
    await host.started('work', 1);
    assert.deepEqual(await host.process.stop(), { finished: false });
    assert.equal(await host.count(host.queue), 1);
  });

  test('that is killed loses no message: the next host gets it after the lease, as another try', async (t) => {
    const first = await startWorkHost(t, { leaseMs: 1000 });
    await first.queue.sendMessage(encode({ behaviour: 'hold' }));
    await first.started('work', 1);
    await first.process.kill();
    const second = await startWorkHost(t, { of: first });
    await second.started('work', 1);
    assert.equal(second.starts('work')[0]?.dequeueCount, 2);
    await second.release(1);
    await second.drain();
  });

  test('that is killed again and again uses up the tries of its message, which then goes to poison without an invocation', async (t) => {
    const queues = { maxDequeueCount: 1 };
    const first = await startWorkHost(t, { leaseMs: 1000, queues });
    await first.queue.sendMessage(encode({ behaviour: 'hold' }));
    await first.started('work', 1);
    await first.process.kill();
    const second = await startWorkHost(t, { of: first, queues });
    assert.equal((await second.event('movedToPoison')).reason, 'tries used up');
    assert.deepEqual(second.starts('work'), []);
    assert.equal(await second.count(second.poison), 1);
  });

  test('ends when a rejection in the app is not handled, and tells the error', async (t) => {
    const host = await startWorkHost(t, { mayEnd: true });
    await host.queue.sendMessage(encode({ behaviour: 'reject unheard' }));
    const end = await host.process.ended;
    assert.equal(end.code, 1);
    assert.match(host.unexpectedEnd()?.message ?? '', /exit code 1[^]*nobody handled it[^]*nobody listens/);
    await assert.rejects(host.process.drain(), /has ended/);
    assert.equal(await host.count(host.queue), 1);
  });

  test('leaves a function alone that an app setting has switched off', async (t) => {
    const host = await startWorkHost(t, { environment: { 'AzureWebJobs.work.Disabled': 'true' } });
    assert.equal(host.process.functions.find(({ name }) => name === 'work')?.disabled, true);
    await host.queue.sendMessage(encode({}));
    const late = host.queueNamed('late');
    await late.create();
    await late.sendMessage(encode({}));
    await host.drain();
    assert.deepEqual([host.ends('late').length, host.ends('work').length], [1, 0]);
    assert.equal(await host.count(host.queue), 1);
  });
});
