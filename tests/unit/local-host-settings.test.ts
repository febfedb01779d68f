/**
 * What the local host reads from host.json and app settings.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { describe, test } from 'node:test';
import { readHostSettings } from '../../local/host/host-settings.ts';
import { resolveAppSettings } from '../../local/host/resolve-app-settings.ts';

const withQueues = (queues: object) => readHostSettings({ version: '2.0', extensions: { queues } }).queues;

describe('queue settings', () => {
  test("are the real host's where host.json says nothing", () => {
    assert.deepEqual(readHostSettings({ version: '2.0' }).queues, {
      batchSize: 16,
      newBatchThreshold: 8 * availableParallelism(),
      maxDequeueCount: 5,
      visibilityTimeoutMs: 0,
      maxPollingIntervalMs: 60_000,
      messageEncoding: 'base64',
    });
  });

  test('of this app keep at most 24 messages in flight, give 5 tries and pause 30 s after a failed one', async () => {
    const text = await readFile(new URL('../../host.json', import.meta.url), 'utf8');
    assert.deepEqual(readHostSettings(JSON.parse(text)).queues, {
      batchSize: 16,
      newBatchThreshold: 8,
      maxDequeueCount: 5,
      visibilityTimeoutMs: 30_000,
      maxPollingIntervalMs: 5_000,
      messageEncoding: 'base64',
    });
  });

  test('give times in hh:mm:ss, with days and fractions', () => {
    assert.equal(withQueues({ visibilityTimeout: '1.02:03:04.5' }).visibilityTimeoutMs, 93_784_500);
    assert.equal(withQueues({ maxPollingInterval: '00:00:02' }).maxPollingIntervalMs, 2000);
  });

  const refused: [string, object, RegExp][] = [
    ['a misspelt name', { batchsize: 4 }, /batchsize/],
    ['more than 32 messages in a batch', { batchSize: 33 }, /batchSize/],
    ['no tries', { maxDequeueCount: 0 }, /maxDequeueCount/],
    ['a number where a time is meant', { visibilityTimeout: 30 }, /visibilityTimeout/],
    ['a time that is none', { visibilityTimeout: '00:61:00' }, /time span hh:mm:ss/],
    ['an unknown encoding', { messageEncoding: 'hex' }, /messageEncoding/],
  ];
  for (const [name, queues, expected] of refused) {
    test(`refuse ${name}, by name`, () => {
      assert.throws(() => withQueues(queues), expected);
    });
  }

  test('come with a host.json of version 2.0 only', () => {
    assert.throws(() => readHostSettings({ extensions: {} }), /version/);
  });
});

describe('log levels', () => {
  const { isLogged } = readHostSettings({
    version: '2.0',
    logging: {
      logLevel: { default: 'Warning', Function: 'Information', 'Function.importItem': 'Error', 'Function.importItem.User': 'None' },
    },
  });

  test('of the longest matching category count', () => {
    assert.ok(isLogged('Function.listDailyItems.User', 'information'));
    assert.ok(!isLogged('Function.listDailyItems.User', 'debug'));
    assert.ok(!isLogged('Function.importItem', 'warning'));
    assert.ok(isLogged('Function.importItem', 'error'));
    assert.ok(!isLogged('Function.importItem.User', 'critical'));
  });

  test('of a category do not count for one that only begins with the same letters', () => {
    assert.ok(!isLogged('Functions', 'information'));
    assert.ok(isLogged('Functions', 'warning'));
  });

  test('are Information by default', () => {
    const plain = readHostSettings({ version: '2.0' });
    assert.ok(plain.isLogged('Worker', 'information'));
    assert.ok(!plain.isLogged('Worker', 'debug'));
  });
});

describe('app settings in the texts of triggers', () => {
  test('take the place of their names', () => {
    assert.equal(resolveAppSettings('%A%-%B%', { A: 'download', B: 'items' }, 'function x'), 'download-items');
    assert.equal(resolveAppSettings('100% plain', {}, 'function x'), '100% plain');
  });

  test('that are missing or empty are named with the function', () => {
    assert.throws(() => resolveAppSettings('%A%', {}, 'function x'), /function x uses %A%/);
    assert.throws(() => resolveAppSettings('%A%', { A: '' }, 'function x'), /function x uses %A%/);
  });
});
