/**
 * Timers, HTTP functions, hooks and the start of the local host.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { startAzurite } from '../../local/storage/start-azurite.ts';
import { appEntry, createTestHosts } from '../fixtures/local-host/test-host.ts';

let azurite: Azurite;
before(async () => {
  azurite = await startAzurite();
});
after(() => azurite.stop());
const { startWorkHost, encode } = createTestHosts(() => azurite.connectionString);

describe('timers', () => {
  test('run by command, with what they are told about being late', async (t) => {
    const host = await startWorkHost(t);
    await host.process.trigger('daily');
    await host.process.trigger('daily', { isPastDue: true });
    await host.line(/^TIMER .*isPastDue: true/);
    const told = host.lines.filter((line) => line.startsWith('TIMER'));
    assert.deepEqual(
      told.map((line) => /isPastDue: (\w+)/.exec(line)?.[1]),
      ['false', 'true'],
    );
    assert.match(told[0] ?? '', /last: '0001-01-01T00:00:00'/);
    assert.match(told[1] ?? '', /last: '2[^']+', next: '[^']+T01:30:00\.000Z'/);
    assert.deepEqual(
      host.ends('daily').map(({ ok }) => ok),
      [true, true],
    );
  });

  test('that fail, and those that do not exist, fail the command', async (t) => {
    const host = await startWorkHost(t);
    await assert.rejects(host.process.trigger('broken'), /the clock is broken/);
    await assert.rejects(host.process.trigger('work'), /no timer function "work"; it has daily, broken/);
    await host.process.trigger('daily');
  });

  test('run by their schedules only where that is wanted', async (t) => {
    const environment = { SCHEDULE: '* * * * * *' };
    const [quiet, running] = [await startWorkHost(t, { environment }), await startWorkHost(t, { environment, runTimers: true })];
    await running.started('daily', 2);
    assert.deepEqual(quiet.starts('daily'), []);
  });
});

describe('HTTP functions', () => {
  test('get method, path, query, parameters and body, and their answer comes back', async (t) => {
    const host = await startWorkHost(t);
    const body = new Uint8Array([0, 255, 13, 10, 128]);
    const answer = await fetch(`${String(host.process.httpUrl)}/parked/a%20b?limit=5&limit=6&text=%2B44`, { method: 'POST', body });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('x-answer'), 'yes');
    assert.deepEqual(await answer.json(), {
      method: 'POST',
      path: '/api/parked/a%20b',
      query: { limit: '5,6', text: '+44' },
      params: { id: 'a b' },
      principal: null,
      body: '00ff0d0a80',
    });
  });

  test('get the signed-in user as the platform sends it', async (t) => {
    const host = await startWorkHost(t);
    const principal = Buffer.from(JSON.stringify({ auth_typ: 'aad', claims: [] })).toString('base64');
    const headers = {
      'x-ms-client-principal': principal,
      'x-ms-client-principal-id': 'id-1',
      'x-ms-client-principal-name': 'an operator',
      'x-ms-client-principal-idp': 'aad',
    };
    const answer = (await (await fetch(`${String(host.process.httpUrl)}/parked`, { headers })).json()) as {
      principal: string;
      user: string;
    };
    assert.deepEqual([answer.principal, answer.user], [principal, 'an operator']);
  });

  test('are found by route and method, a fixed word going before a parameter', async (t) => {
    const host = await startWorkHost(t);
    const url = String(host.process.httpUrl);
    const status = async (path: string, method = 'GET') => (await fetch(`${url}${path}`, { method })).status;
    assert.equal(await (await fetch(`${url}/parked/summary`)).text(), 'the fixed word');
    assert.equal(await status('/parked'), 201);
    assert.equal(await status('/silent'), 204);
    assert.equal(await status('/parked', 'DELETE'), 404);
    assert.equal(await status('/nothing'), 404);
    assert.equal((await fetch(`${new URL(url).origin}/parked`)).status, 404);
    assert.equal(await status('/parked/%E0%A4%A'), 400);
    const encodedSlash = (await (await fetch(`${url}/parked/a%2Fb`)).json()) as { params: object };
    assert.deepEqual(encodedSlash.params, { id: 'a%2Fb' });
  });

  test('that throw answer 500 without a word about it, and go on', async (t) => {
    const host = await startWorkHost(t);
    const answer = await fetch(`${String(host.process.httpUrl)}/failing`);
    assert.deepEqual([answer.status, await answer.text()], [500, '']);
    assert.deepEqual(
      host.ends('failing').map(({ error }) => error),
      ['told to fail'],
    );
    assert.equal((await fetch(`${String(host.process.httpUrl)}/silent`)).status, 204);
  });
});

describe('hooks', () => {
  test('run at start, around every invocation and at the end', async (t) => {
    const host = await startWorkHost(t);
    await host.process.trigger('daily');
    await assert.rejects(host.process.trigger('broken'));
    await host.process.stop();
    assert.deepEqual(
      host.lines.filter((line) => line.startsWith('HOOK')),
      [
        "HOOK 'appStart'",
        "HOOK 'around'",
        "HOOK { after: 'daily', failed: false, before: 'seen before' }",
        "HOOK { after: 'broken', failed: true, before: 'seen before' }",
        "HOOK 'appTerminate'",
      ],
    );
  });
});

describe('a host', () => {
  test('lists its functions when it is ready', async (t) => {
    const host = await startWorkHost(t);
    const { functions } = host.process;
    const daily = functions.find(({ name }) => name === 'daily');
    assert.ok(daily?.type === 'timer' && daily.schedule === '0 30 1 * * *' && daily.next.endsWith('T01:30:00.000Z'));
    const work = functions.find(({ name }) => name === 'work');
    assert.deepEqual(work, { name: 'work', disabled: false, type: 'queue', queueName: host.queue.name });
    const echo = functions.find(({ name }) => name === 'echo');
    assert.deepEqual(echo, {
      name: 'echo',
      disabled: false,
      type: 'http',
      route: 'parked/{id?}',
      methods: ['GET', 'POST'],
      authLevel: 'function',
    });
  });

  test('runs a bundle in which only @azure/functions-core is left out', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'local-host-'));
    t.after(() => rm(folder, { recursive: true }));
    const entry = join(folder, 'app.mjs');
    await build({
      entryPoints: [appEntry],
      outfile: entry,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@azure/functions-core'],
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      logLevel: 'error',
    });
    const host = await startWorkHost(t, { entry });
    await host.queue.sendMessage(encode({ itemId: 'bundled' }));
    assert.match(await host.line(/^SEEN /), /itemId: 'bundled'/);
  });

  const troubles: [string, Record<string, string>, RegExp][] = [
    ['an app that throws while it is loaded', { START_TROUBLE: 'throws' }, /the app cannot start/],
    [
      'a trigger that it cannot drive',
      { START_TROUBLE: 'blob' },
      /function onBlob has a blobTrigger; the local host drives timer, queue and HTTP/,
    ],
    ['an output binding', { START_TROUBLE: 'output' }, /function withOutput has the binding "\$return" \(queue\)/],
    [
      'a setting that a trigger needs and does not get',
      { SCHEDULE: '' },
      /function daily uses %SCHEDULE%, and there is no app setting SCHEDULE/,
    ],
    ['a schedule that is none', { SCHEDULE: 'daily' }, /function daily: the schedule "daily" has 1 fields/],
  ];
  for (const [name, environment, expected] of troubles) {
    test(`does not start with ${name}, and says why`, async (t) => {
      await assert.rejects(startWorkHost(t, { environment, mayEnd: true }), expected);
    });
  }

  test('does not start with a host.json that is not usable', async (t) => {
    await assert.rejects(startWorkHost(t, { queues: { batchSize: 64 } }), /host\.json is not usable[^]*batchSize/);
  });
});
