/**
 * The simulated TeleMessage is strict: it refuses and notes whatever the contract does not allow.
 *
 * @module
 */
import { describe, test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  startSimulatedTeleMessage,
  type SimulatedTeleMessage,
  type SimulatedTeleMessageOptions,
} from '../../local/telemessage/simulated-telemessage.ts';

const ACCOUNT = { username: 'archive-account', password: 'the-password', archiver: 'enterprise-number' };
const START = new Date('2026-01-05T10:00:00Z');

async function start(t: TestContext, options: Partial<SimulatedTeleMessageOptions> = {}): Promise<SimulatedTeleMessage> {
  const items = await mkdtemp(join(tmpdir(), 'simulated-telemessage-'));
  const extraItems = new Map([['a.eml', () => Buffer.from('a')]]);
  const simulator = await startSimulatedTeleMessage({ ...ACCOUNT, items, extraItems, now: () => START, ...options });
  t.after(async () => {
    await simulator.close();
    await rm(items, { recursive: true });
  });
  return simulator;
}

async function signIn({ baseUrl }: SimulatedTeleMessage, password = ACCOUNT.password): Promise<{ status: number; authorization: string }> {
  const response = await fetch(`${baseUrl.href}/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: ACCOUNT.username, password }),
  });
  const body = (await response.json()) as { token?: string };
  return { status: response.status, authorization: `Bearer ${body.token ?? ''}` };
}

/** Asks as a signed-in client. */
async function get(simulator: SimulatedTeleMessage, path: string): Promise<Response> {
  const { authorization } = await signIn(simulator);
  return fetch(`${simulator.baseUrl.href}${path}`, { headers: { authorization } });
}

describe('signing in to the simulator', () => {
  test('a wrong password is refused and counted', async (t) => {
    const simulator = await start(t);
    assert.equal((await signIn(simulator, 'wrong')).status, 401);
    assert.equal((await signIn(simulator)).status, 200);
    assert.deepEqual([simulator.requests.login, simulator.requests.loginRefused], [2, 1]);
  });

  test('a token serves until its end; no token, a wrong one and an expired one do not', async (t) => {
    let now = START;
    const simulator = await start(t, { tokenSeconds: 60, now: () => now });
    const { authorization } = await signIn(simulator);
    const ask = async (headers: Record<string, string>) => {
      const list = await fetch(`${simulator.baseUrl.href}/v1/items?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&archiver=x`, {
        headers,
      });
      const content = await fetch(`${simulator.baseUrl.href}/v1/items/a.eml/content?archiver=${ACCOUNT.archiver}`, { headers });
      return [list.status, content.status];
    };
    assert.deepEqual(await ask({}), [401, 401]);
    assert.deepEqual(await ask({ authorization: 'Bearer wrong' }), [401, 401]);
    now = new Date(START.getTime() + 59_999);
    assert.deepEqual(await ask({ authorization }), [200, 200]);
    now = new Date(START.getTime() + 60_000);
    assert.deepEqual(await ask({ authorization }), [401, 401]);
    now = START;
    simulator.expireTokens();
    assert.deepEqual(await ask({ authorization }), [401, 401]);
  });
});

describe('what the contract does not allow', () => {
  const window = 'from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';
  const requests: Record<string, number> = {
    '/v1/items': 400,
    [`/v1/items?${window}`]: 400,
    '/v1/items?from=2026-01-01T00:00:00Z&archiver=x': 400,
    '/v1/items?from=yesterday&to=2026-01-02T00:00:00Z&archiver=x': 400,
    '/v1/items?from=2026-01-03T00:00:00Z&to=2026-01-02T00:00:00Z&archiver=x': 400,
    [`/v1/items?${window}&archiver=x&archiver=y`]: 400,
    [`/v1/items?${window}&archiver=x&page=2`]: 400,
    [`/v1/items?${window}&archiver=x&limit=0`]: 400,
    [`/v1/items?${window}&archiver=x&limit=1001`]: 400,
    [`/v1/items?${window}&archiver=x&limit=ten`]: 400,
    [`/v1/items?${window}&archiver=x&cursor=none-of-ours`]: 400,
    '/v1/items/a.eml/content': 400,
    '/v1/items/%ff/content?archiver=x': 400,
    '/v1/items/a/b/content?archiver=x': 404,
    '/v1/items/': 404,
    '/v2/items': 404,
    '/v1/login': 405,
  };
  for (const [path, status] of Object.entries(requests)) {
    test(`${path} is answered ${status} and noted`, async (t) => {
      const simulator = await start(t);
      assert.equal((await get(simulator, path)).status, status);
      assert.equal(simulator.requests.warnings.length, 1);
    });
  }

  test('a request beside the path of the base address is unknown and noted', async (t) => {
    const simulator = await start(t, { pathPrefix: '/gateway' });
    assert.equal((await fetch(new URL('/v1/items', simulator.baseUrl))).status, 404);
    assert.equal(simulator.requests.warnings.length, 1);
  });

  test('a login that is not JSON with exactly a user name and a password is refused and noted', async (t) => {
    const simulator = await start(t);
    const login = async (type: string, body: string) =>
      (await fetch(`${simulator.baseUrl.href}/v1/login`, { method: 'POST', headers: { 'content-type': type }, body })).status;
    assert.equal(await login('application/json', '{"username":"x"}'), 400);
    assert.equal(await login('application/json', '{"username":"x","password":"y","z":1}'), 400);
    assert.equal(await login('application/json', 'not json'), 400);
    assert.equal(await login('text/plain', '{"username":"x","password":"y"}'), 415);
    assert.equal(await login('application/json', ' '.repeat(100_000)), 413);
    assert.equal(simulator.requests.warnings.length, 5);
  });
});
