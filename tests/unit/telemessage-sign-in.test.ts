/**
 * Signing in to TeleMessage: one login at a time, renewed in time, and never again after a refusal.
 *
 * @module
 */
import { describe, test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { RetryAfterError, TransientError } from '../../shared/errors.ts';
import { createTeleMessageSource, type TeleMessageSource } from '../../shared/telemessage/telemessage-source.ts';
import type { FaultEffect } from '../../local/telemessage/faults.ts';
import { startSimulatedTeleMessage, type SimulatedTeleMessage } from '../../local/telemessage/simulated-telemessage.ts';

const USERNAME = 'archive-account';
const PASSWORD = 'pass "word" ü';
const WEEK = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-01-08T00:00:00Z') };

interface Account {
  readonly simulator: SimulatedTeleMessage;
  readonly source: TeleMessageSource;
  /** Moves both clocks. */
  readonly advance: (seconds: number) => void;
}

async function openAccount(t: TestContext, { password = PASSWORD, tokenSeconds = 3600 } = {}): Promise<Account> {
  const items = await mkdtemp(join(tmpdir(), 'telemessage-'));
  let time = Date.parse('2026-01-05T00:00:00Z');
  const now = () => new Date(time);
  const simulator = await startSimulatedTeleMessage({
    items,
    archiver: 'enterprise-number',
    username: USERNAME,
    password: PASSWORD,
    tokenSeconds,
    now,
    extraItems: new Map([['one', () => Buffer.from('the one item')]]),
  });
  t.after(async () => {
    await simulator.close();
    await rm(items, { recursive: true });
  });
  const { baseUrl } = simulator;
  const source = createTeleMessageSource({ baseUrl, username: USERNAME, password, archiverId: 'enterprise-number', now });
  return { simulator, source, advance: (seconds) => (time += seconds * 1_000) };
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  return assert.fail('expected an error');
}

function assertRefused(error: unknown): void {
  assert.ok(error instanceof RetryAfterError);
  assert.equal(error.delayMs, 900_000);
  assert.match(error.message, /refused the sign-in/);
  assert.match(error.message, /TELEMESSAGE_USERNAME and TELEMESSAGE_PASSWORD/);
  assert.match(error.message, /restart/);
  assert.doesNotMatch(inspect(error, { depth: 10 }), /archive-account|pass "word"/);
}

describe('the token of a TeleMessage account', () => {
  test('nothing is sent before the first call, and then one login serves all calls', async (t) => {
    const { simulator, source } = await openAccount(t);
    assert.equal(simulator.requests.login, 0);
    await source.listPage(WEEK);
    await source.listPage(WEEK);
    for await (const chunk of await source.openItem('one')) assert.equal(Buffer.from(chunk).toString(), 'the one item');
    assert.equal(simulator.requests.login, 1);
    assert.equal(simulator.requests.loginRefused, 0);
    assert.equal(simulator.requests.list, 2);
    assert.equal(simulator.requests.content, 1);
    assert.equal(source.signInRefused(), false);
    assert.deepEqual(simulator.requests.warnings, []);
  });

  test('twenty calls at the same time share one login', async (t) => {
    const { simulator, source } = await openAccount(t);
    await Promise.all(Array.from({ length: 20 }, () => source.listPage(WEEK)));
    assert.equal(simulator.requests.login, 1);
    assert.equal(simulator.requests.list, 20);
  });

  test('a token is kept until a minute before its end and renewed then, without a refused request', async (t) => {
    const { simulator, source, advance } = await openAccount(t, { tokenSeconds: 3600 });
    await source.listPage(WEEK);
    advance(3539);
    await source.listPage(WEEK);
    assert.equal(simulator.requests.login, 1);
    advance(1);
    await source.listPage(WEEK);
    assert.equal(simulator.requests.login, 2);
    assert.equal(simulator.requests.list, 3);
  });

  test('a token of ten seconds is used for nine of them', async (t) => {
    const { simulator, source, advance } = await openAccount(t, { tokenSeconds: 10 });
    await source.listPage(WEEK);
    advance(8.9);
    await source.listPage(WEEK);
    assert.equal(simulator.requests.login, 1);
    advance(0.1);
    await source.listPage(WEEK);
    assert.equal(simulator.requests.login, 2);
    assert.equal(simulator.requests.list, 3);
  });

  test('twenty requests that find the token expired renew it once and are repeated once each', async (t) => {
    const { simulator, source } = await openAccount(t);
    await source.listPage(WEEK);
    simulator.expireTokens();
    await Promise.all(Array.from({ length: 20 }, () => source.listPage(WEEK)));
    assert.equal(simulator.requests.login, 2);
    assert.equal(simulator.requests.list, 41);
  });

  test('a second 401 with a fresh token is left to a later try', async (t) => {
    const { simulator, source } = await openAccount(t);
    simulator.setFaults([{ match: { kind: 'content' }, times: 10, effect: { type: 'status', status: 401 } }]);
    assert.ok((await errorOf(source.openItem('one'))) instanceof TransientError);
    assert.equal(simulator.requests.login, 2);
    assert.equal(simulator.requests.content, 2);
    assert.equal(source.signInRefused(), false);
  });
});

describe('a refused sign-in', () => {
  test('a wrong password is sent once, however often and by however many the source is called', async (t) => {
    const { simulator, source } = await openAccount(t, { password: 'wrong' });
    const calls = await Promise.all([errorOf(source.listPage(WEEK)), errorOf(source.openItem('one')), errorOf(source.listPage(WEEK))]);
    calls.push(await errorOf(source.listPage(WEEK)), await errorOf(source.openItem('one')));
    for (const error of calls) assertRefused(error);
    assert.deepEqual([simulator.requests.login, simulator.requests.list, simulator.requests.content], [1, 0, 0]);
    assert.equal(source.signInRefused(), true);
  });

  test('a password changed while the app runs is refused once at the next renewal', async (t) => {
    const { simulator, source, advance } = await openAccount(t);
    await source.listPage(WEEK);
    simulator.setFaults([{ match: { kind: 'login' }, times: 100, effect: { type: 'status', status: 401 } }]);
    simulator.expireTokens();
    assertRefused(await errorOf(source.listPage(WEEK)));
    assertRefused(await errorOf(source.listPage(WEEK)));
    advance(86_400);
    assertRefused(await errorOf(source.listPage(WEEK)));
    assert.equal(simulator.requests.login, 2);
    assert.equal(simulator.requests.list, 2);
  });

  const refusals: FaultEffect[] = [400, 401, 403, 404, 422, 423].map((status) => ({ type: 'status', status }));
  for (const effect of [...refusals, { type: 'redirect', to: 'http://127.0.0.1:1/' } as const]) {
    test(`an answer ${'status' in effect ? effect.status : 302} to the login is a refusal that is never tried again`, async (t) => {
      const { simulator, source, advance } = await openAccount(t);
      simulator.setFaults([{ match: { kind: 'login' }, times: 100, effect }]);
      assertRefused(await errorOf(source.listPage(WEEK)));
      advance(86_400);
      assertRefused(await errorOf(source.openItem('one')));
      assert.equal(simulator.requests.login, 1);
    });
  }
});

describe('a sign-in that fails for a while', () => {
  test('a throttled login is not sent again before its Retry-After is over', async (t) => {
    const { simulator, source, advance } = await openAccount(t);
    simulator.setFaults([{ match: { kind: 'login' }, effect: { type: 'status', status: 429, retryAfterSeconds: 40 } }]);
    const first = await errorOf(source.listPage(WEEK));
    assert.ok(first instanceof RetryAfterError);
    assert.equal(first.delayMs, 40_000);
    advance(30);
    const second = await errorOf(source.listPage(WEEK));
    assert.ok(second instanceof RetryAfterError);
    assert.equal(second.delayMs, 10_000);
    assert.equal(simulator.requests.login, 1);
    advance(10);
    await source.listPage(WEEK);
    assert.equal(simulator.requests.login, 2);
    assert.equal(source.signInRefused(), false);
  });

  const passing: FaultEffect[] = [
    { type: 'status', status: 500 },
    { type: 'status', status: 408 },
    { type: 'reset' },
    { type: 'truncate', bytes: 5 },
  ];
  for (const effect of passing) {
    test(`a login that meets ${'status' in effect ? effect.status : effect.type} is tried again by the next call`, async (t) => {
      const { simulator, source } = await openAccount(t);
      simulator.setFaults([{ match: { kind: 'login' }, effect }]);
      assert.ok((await errorOf(source.listPage(WEEK))) instanceof TransientError);
      await source.listPage(WEEK);
      assert.equal(simulator.requests.login, 2);
    });
  }

  const grants = {
    'no token': { expiresInSeconds: 60 },
    'a number as token': { token: 1234567, expiresInSeconds: 60 },
    'a token that would add a header': { token: 'SECRET\r\nx-other: 1', expiresInSeconds: 60 },
    'an empty token': { token: '', expiresInSeconds: 60 },
    'a life of 0': { token: 'SECRET', expiresInSeconds: 0 },
    'a life in text': { token: 'SECRET', expiresInSeconds: '60' },
  };
  for (const [what, grant] of Object.entries(grants)) {
    test(`a login answered with ${what} is an error that does not quote it`, async () => {
      const source = createTeleMessageSource({
        baseUrl: new URL('https://telemessage.example'),
        username: USERNAME,
        password: PASSWORD,
        archiverId: 'enterprise-number',
        fetch: async () => Response.json(grant),
      });
      const error = await errorOf(source.listPage(WEEK));
      assert.ok(error instanceof TransientError);
      assert.match(error.message, /token|expiresInSeconds/);
      assert.doesNotMatch(inspect(error, { depth: 10 }), /SECRET|1234567/);
    });
  }

  test('a base address with a user in it is refused at once', () => {
    const baseUrl = new URL('https://user:secret@telemessage.example/');
    const options = { baseUrl, username: USERNAME, password: PASSWORD, archiverId: 'x' };
    assert.throws(() => createTeleMessageSource(options), TypeError);
  });
});
