/**
 * The faults of the simulated TeleMessage are those that were asked for, on the requests that were meant, and no others.
 *
 * @module
 */
import { describe, test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../../local/telemessage/faults.ts';
import { startSimulatedTeleMessage, type SimulatedTeleMessage } from '../../local/telemessage/simulated-telemessage.ts';

const BYTES = Buffer.from('0123456789');
const DIGEST = `sha-256=${createHash('sha256').update(BYTES).digest('base64')}`;

interface Client {
  readonly simulator: SimulatedTeleMessage;
  readonly login: () => Promise<Response>;
  readonly list: () => Promise<Response>;
  readonly content: (id?: string, signal?: AbortSignal) => Promise<Response>;
}

async function openClient(t: TestContext, faults?: readonly Fault[]): Promise<Client> {
  const items = await mkdtemp(join(tmpdir(), 'simulated-telemessage-'));
  const simulator = await startSimulatedTeleMessage({
    items,
    archiver: 'x',
    username: 'u',
    password: 'p',
    extraItems: new Map([
      ['one', () => BYTES],
      ['two', () => BYTES],
    ]),
    ...(faults === undefined ? {} : { faults }),
  });
  t.after(async () => {
    await simulator.close();
    await rm(items, { recursive: true });
  });
  const login = () =>
    fetch(`${simulator.baseUrl.href}/v1/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"username":"u","password":"p"}',
    });
  let authorization = '';
  const get = async (path: string, signal: AbortSignal | null = null) => {
    if (authorization === '') authorization = `Bearer ${((await (await login()).json()) as { token: string }).token}`;
    return fetch(`${simulator.baseUrl.href}${path}`, { headers: { authorization }, redirect: 'manual', signal });
  };
  return {
    simulator,
    login,
    list: () => get('/v1/items?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&archiver=x'),
    content: (id = 'one', signal) => get(`/v1/items/${id}/content?archiver=x`, signal),
  };
}

const onContent = (effect: Fault['effect']): Fault[] => [{ match: { kind: 'content' }, effect }];

/** What arrives before the transfer fails. */
async function readUntilError(response: Response): Promise<string> {
  let text = '';
  await assert.rejects(async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  });
  return text;
}

describe('when a fault takes effect', () => {
  test('once by default, and then no more', async (t) => {
    const { content } = await openClient(t, onContent({ type: 'status', status: 500 }));
    assert.deepEqual([(await content()).status, (await content()).status], [500, 200]);
  });

  test('after the requests to skip, as many times as asked for, for the item named', async (t) => {
    const { simulator, content } = await openClient(t);
    simulator.setFaults([{ match: { kind: 'content', id: 'two' }, skip: 1, times: 2, effect: { type: 'status', status: 500 } }]);
    const statuses: number[] = [];
    for (const id of ['one', 'two', 'one', 'two', 'two', 'two']) statuses.push((await content(id)).status);
    assert.deepEqual(statuses, [200, 200, 200, 500, 500, 200]);
  });

  test('on requests of its kind only', async (t) => {
    const { simulator, login, list, content } = await openClient(t);
    const statuses = async () => [(await login()).status, (await list()).status, (await content()).status];
    assert.deepEqual(await statuses(), [200, 200, 200]);
    simulator.setFaults([{ match: { kind: 'list' }, effect: { type: 'status', status: 500 } }]);
    assert.deepEqual(await statuses(), [200, 500, 200]);
    simulator.setFaults([{ match: { kind: 'login' }, effect: { type: 'status', status: 502 } }]);
    assert.deepEqual(await statuses(), [502, 200, 200]);
  });

  test('not on a request without a good token, which is refused as ever', async (t) => {
    const { simulator, content } = await openClient(t);
    await content();
    simulator.setFaults(onContent({ type: 'status', status: 500 }));
    simulator.expireTokens();
    assert.equal((await content()).status, 401);
  });
});

describe('what a fault does', () => {
  test('a status comes with the Retry-After asked for', async (t) => {
    const { simulator, content } = await openClient(t, onContent({ type: 'status', status: 429, retryAfterSeconds: 7 }));
    const first = await content();
    assert.deepEqual([first.status, first.headers.get('retry-after')], [429, '7']);
    simulator.setFaults(onContent({ type: 'status', status: 503, retryAfter: 'NaN' }));
    const second = await content();
    assert.deepEqual([second.status, second.headers.get('retry-after')], [503, 'NaN']);
  });

  test('a redirect names its target', async (t) => {
    const { content } = await openClient(t, onContent({ type: 'redirect', to: 'http://127.0.0.1:1/x' }));
    const response = await content();
    assert.deepEqual([response.status, response.headers.get('location')], [302, 'http://127.0.0.1:1/x']);
  });

  test('a truncated content announces all bytes, sends fewer and ends the connection', async (t) => {
    const { content } = await openClient(t, onContent({ type: 'truncate', bytes: 4 }));
    const response = await content();
    assert.equal(response.headers.get('content-length'), '10');
    assert.equal(await readUntilError(response), '0123');
  });

  test('a truncation at more bytes than there are still lacks one', async (t) => {
    const { content } = await openClient(t, onContent({ type: 'truncate', bytes: 1_000 }));
    assert.equal(await readUntilError(await content()), '012345678');
  });

  test('a quietly truncated content ends as if it were whole, with the digest of the whole', async (t) => {
    const { content } = await openClient(t, onContent({ type: 'truncate-quietly', bytes: 4 }));
    const response = await content();
    assert.deepEqual([response.headers.get('content-length'), response.headers.get('digest')], [null, DIGEST]);
    assert.equal(await response.text(), '0123');
  });

  test('a corrupted content has its length and another byte, and the item itself stays as it was', async (t) => {
    const { content } = await openClient(t, onContent({ type: 'corrupt' }));
    const response = await content();
    assert.deepEqual([response.headers.get('content-length'), response.headers.get('digest')], ['10', DIGEST]);
    assert.equal(await response.text(), '1123456789');
    assert.equal(await (await content()).text(), '0123456789');
  });

  test('a stalled content sends its first bytes, then nothing until the simulator is closed', async (t) => {
    const { simulator, content } = await openClient(t, onContent({ type: 'stall', afterBytes: 4 }));
    const reader = (await content()).body?.getReader();
    assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), '0123');
    const rest = assert.rejects(async () => reader?.read());
    await simulator.close();
    await rest;
  });

  test('a time-out answers nothing; the connection is held until the client gives up', async (t) => {
    const { simulator, content } = await openClient(t);
    await content();
    simulator.setFaults(onContent({ type: 'time-out' }));
    await assert.rejects(content('one', AbortSignal.timeout(200)), { name: 'TimeoutError' });
    assert.equal(simulator.contentRequests('one'), 2);
  });

  test('a reset ends the connection without an answer', async (t) => {
    const { content } = await openClient(t, onContent({ type: 'reset' }));
    await assert.rejects(content(), (error: Error) => (error.cause as { code?: string }).code === 'ECONNRESET');
  });
});

describe('steering a simulator from another process', () => {
  test('faults can be posted and requests be counted', async (t) => {
    const { simulator, content, list } = await openClient(t);
    const post = (body: string) => fetch(new URL('/__simulator/faults', simulator.baseUrl), { method: 'POST', body });
    assert.equal((await post(JSON.stringify(onContent({ type: 'status', status: 500 })))).status, 200);
    assert.deepEqual([(await content()).status, (await content()).status, (await list()).status], [500, 200, 200]);
    const counted = await fetch(new URL('/__simulator/requests', simulator.baseUrl));
    assert.deepEqual(await counted.json(), { login: 1, loginRefused: 0, list: 1, content: 2, warnings: [], contentById: [['one', 2]] });
  });

  test('faults that do not exist are refused and say what is wrong, and those in force stay', async (t) => {
    const { simulator, content } = await openClient(t, onContent({ type: 'status', status: 500 }));
    for (const body of ['not json', '{}', '[{"match":{"kind":"content"},"effect":{"type":"explode"}}]', '[{"match":{"kind":"list"}}]']) {
      const response = await fetch(new URL('/__simulator/faults', simulator.baseUrl), { method: 'POST', body });
      assert.equal(response.status, 400);
    }
    assert.throws(() => simulator.setFaults([{ match: { kind: 'list' }, times: -1, effect: { type: 'reset' } }]), /0\.times/);
    assert.equal((await content()).status, 500);
    assert.equal((await fetch(new URL('/__simulator/other', simulator.baseUrl))).status, 404);
  });
});
