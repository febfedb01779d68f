/**
 * Listing the items of a TeleMessage account, page by page, by the contract and against answers that are not.
 *
 * @module
 */
import { describe, test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { PermanentError, RetryAfterError, TransientError } from '../../shared/errors.ts';
import { createTeleMessageSource, type TeleMessageSource } from '../../shared/telemessage/telemessage-source.ts';
import type { SourceLimits } from '../../shared/telemessage/source-limits.ts';
import { startSimulatedTeleMessage, type SimulatedTeleMessage } from '../../local/telemessage/simulated-telemessage.ts';

const ACCOUNT = { username: 'archive-account', password: 'the-password' };
const ARCHIVER = 'enterprise-number';
const DAY = { from: new Date('2026-01-05T00:00:00Z'), to: new Date('2026-01-06T00:00:00Z') };

type Body = string | Uint8Array | ReadableStream;

async function openAccount(
  t: TestContext,
  limits: Partial<SourceLimits> = {},
): Promise<{ simulator: SimulatedTeleMessage; source: TeleMessageSource }> {
  const items = await mkdtemp(join(tmpdir(), 'telemessage-'));
  const simulator = await startSimulatedTeleMessage({ ...ACCOUNT, items, archiver: ARCHIVER, pathPrefix: '/a/deep path/tm' });
  t.after(async () => {
    await simulator.close();
    await rm(items, { recursive: true });
  });
  const source = createTeleMessageSource({ ...ACCOUNT, baseUrl: simulator.baseUrl, archiverId: ARCHIVER, limits });
  return { simulator, source };
}

/** A source whose listings are answered with `body`, and the addresses they were asked for at. */
function answeredWith(body: Body | (() => Body), limits: Partial<SourceLimits> = {}): { source: TeleMessageSource; asked: URL[] } {
  const asked: URL[] = [];
  const source = createTeleMessageSource({
    ...ACCOUNT,
    baseUrl: new URL('https://telemessage.example//other.example/base/'),
    archiverId: 'an archiver&x=1',
    limits,
    fetch: async (address) => {
      assert.ok(address instanceof URL);
      if (address.pathname.endsWith('/v1/login')) return Response.json({ token: 'the-token', expiresInSeconds: 60 });
      asked.push(address);
      return new Response(typeof body === 'function' ? body() : body);
    },
  });
  return { source, asked };
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  return assert.fail('expected an error');
}

describe('a listing', () => {
  test('gives every item once, in order of arrival, over pages of the size asked for', async (t) => {
    const { simulator, source } = await openAccount(t, { listPageItems: 3 });
    const ids = ['9', '10', '89e7073266', '007', 'ünïcode 🙂', '../x', 'a'];
    ids.forEach((id, index) => simulator.addItem(id, () => Buffer.from(id), new Date(DAY.from.getTime() + index)));
    const pages = [await source.listPage(DAY)];
    for (let cursor = pages[0]?.nextCursor; cursor !== undefined; cursor = pages.at(-1)?.nextCursor) {
      pages.push(await source.listPage(DAY, cursor));
    }
    assert.deepEqual(
      pages.map((page) => page.items.length),
      [3, 3, 1],
    );
    assert.deepEqual(
      pages.flatMap((page) => page.items),
      ids.map((id, index) => ({ id, arrivedAt: `2026-01-05T00:00:00.00${index}Z` })),
    );
    assert.ok(!('nextCursor' in (pages[2] ?? {})));
    assert.deepEqual(simulator.requests.warnings, []);
  });

  test('asks for the window, the archiver, the page size and the cursor exactly, below the path of the base address', async () => {
    const { source, asked } = answeredWith(() => JSON.stringify({ items: [] }), { listPageItems: 7 });
    await source.listPage(DAY, 'a+b c&limit=9#%2F?é');
    assert.equal(asked[0]?.origin, 'https://telemessage.example');
    assert.equal(asked[0]?.pathname, '//other.example/base/v1/items');
    assert.deepEqual(Object.fromEntries(asked[0]?.searchParams ?? []), {
      from: '2026-01-05T00:00:00.000Z',
      to: '2026-01-06T00:00:00.000Z',
      archiver: 'an archiver&x=1',
      limit: '7',
      cursor: 'a+b c&limit=9#%2F?é',
    });
  });

  test('takes what the contract allows: further properties, a type, times with an offset, ids of 1,024 characters', async () => {
    const long = '🙂'.repeat(1024);
    const { source } = answeredWith(
      JSON.stringify({
        total: 2,
        items: [
          { id: long, arrivedAt: '2026-01-05T10:00:00+02:00', type: 'sms', size: 'unknown', __proto__: null },
          { id: '1', arrivedAt: '2026-01-05T08:00:00.123456Z', type: null },
        ],
        nextCursor: null,
      }),
    );
    assert.deepEqual(await source.listPage(DAY), {
      items: [
        { id: long, arrivedAt: '2026-01-05T08:00:00.000Z', type: 'sms' },
        { id: '1', arrivedAt: '2026-01-05T08:00:00.123Z' },
      ],
    });
  });
});

describe('a listing that is not what the contract says', () => {
  const item = { id: 'SECRET', arrivedAt: '2026-01-05T08:00:00Z' };
  const bodies: Record<string, [body: Body, names: RegExp]> = {
    'a number as id': [JSON.stringify({ items: [item, { ...item, id: 890_707_3266 }] }), /items\.1\.id: expected a string/],
    'an empty id': [JSON.stringify({ items: [{ ...item, id: '' }] }), /items\.0\.id/],
    'an id of 1,025 characters': [JSON.stringify({ items: [{ ...item, id: 'SECRET'.padEnd(1025, 'x') }] }), /items\.0\.id.*1,024/],
    'no arrival': [JSON.stringify({ items: [{ id: 'SECRET' }] }), /items\.0\.arrivedAt/],
    'an arrival that is no time': [JSON.stringify({ items: [{ ...item, arrivedAt: 'SECRET' }] }), /items\.0\.arrivedAt/],
    'an arrival on 30 February': [JSON.stringify({ items: [{ ...item, arrivedAt: '2026-02-30T08:00:00Z' }] }), /items\.0\.arrivedAt/],
    'an item that is text': [JSON.stringify({ items: ['SECRET'] }), /items\.0/],
    'no items': [JSON.stringify({ SECRET: [] }), /items: expected a list/],
    'an empty cursor': [JSON.stringify({ items: [item], nextCursor: '' }), /nextCursor/],
    'a number as cursor': [JSON.stringify({ items: [item], nextCursor: 500 }), /nextCursor/],
    'a cursor of 5,000 characters': [JSON.stringify({ items: [item], nextCursor: 'SECRET'.padEnd(5000, 'x') }), /nextCursor/],
    'a page of HTML': ['<html>SECRET</html>', /not JSON/],
    'half of a page': ['{"items":[{"id":"SECRET', /not JSON/],
    'an id that is not UTF-8': [Buffer.from('{"items":[{"id":"SECRET\xff","arrivedAt":"2026-01-05T08:00:00Z"}]}', 'latin1'), /UTF-8/],
    nothing: ['', /not JSON/],
  };
  for (const [what, [body, names]] of Object.entries(bodies)) {
    test(`${what} is an error that says where and quotes nothing`, async () => {
      const error = await errorOf(answeredWith(body).source.listPage(DAY));
      assert.ok(error instanceof TransientError);
      assert.match(error.message, names);
      assert.doesNotMatch(inspect(error, { depth: 10 }), /SECRET|8907073266|the-token|the-password/);
    });
  }

  test('a page that names itself as the next one is an error, not an endless loop', async () => {
    const { source } = answeredWith(() => JSON.stringify({ items: [item], nextCursor: 'SECRET-cursor' }));
    const { nextCursor } = await source.listPage(DAY);
    const error = await errorOf(source.listPage(DAY, nextCursor));
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /never end/);
    assert.doesNotMatch(inspect(error), /SECRET/);
  });

  test('a page without end is given up at the size limit', async () => {
    let pulled = 0;
    let cancelled = false;
    const endless = () =>
      new ReadableStream({
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1_000));
        },
        cancel() {
          cancelled = true;
        },
      });
    const error = await errorOf(answeredWith(endless, { listPageBytes: 10_000 }).source.listPage(DAY));
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /larger than 10000 bytes/);
    assert.ok(cancelled);
    assert.ok(pulled < 20, `${pulled}`);
  });

  test('a page of exactly the size limit is taken', async () => {
    const body = JSON.stringify({ items: [item] }).padEnd(10_000, ' ');
    assert.equal((await answeredWith(body, { listPageBytes: 10_000 }).source.listPage(DAY)).items.length, 1);
    await assert.rejects(answeredWith(`${body} `, { listPageBytes: 10_000 }).source.listPage(DAY), TransientError);
  });
});

describe('a listing that fails on the way', () => {
  test('no answer, and an answer that never ends, are given up after the time-out', async (t) => {
    const { simulator, source } = await openAccount(t, { requestMs: 500 });
    for (const effect of [{ type: 'time-out' }, { type: 'stall', afterBytes: 5 }] as const) {
      simulator.setFaults([{ match: { kind: 'list' }, effect }]);
      const error = await errorOf(source.listPage(DAY));
      assert.ok(error instanceof TransientError);
      assert.match(error.message, /within 500 ms/);
    }
    assert.equal((await source.listPage(DAY)).items.length, 0);
  });

  test('a login that is never answered is given up after the time-out', async (t) => {
    const { simulator, source } = await openAccount(t, { requestMs: 500 });
    simulator.setFaults([{ match: { kind: 'login' }, effect: { type: 'time-out' } }]);
    await assert.rejects(source.listPage(DAY), TransientError);
    assert.equal(source.signInRefused(), false);
  });

  test('a reset connection and a page that breaks off are left to another try', async (t) => {
    const { simulator, source } = await openAccount(t);
    for (const effect of [{ type: 'reset' }, { type: 'truncate', bytes: 4 }] as const) {
      simulator.setFaults([{ match: { kind: 'list' }, effect }]);
      assert.ok((await errorOf(source.listPage(DAY))) instanceof TransientError);
    }
    assert.equal((await source.listPage(DAY)).items.length, 0);
  });

  test('a server that is not there is left to another try, and its error code is named', async (t) => {
    const { simulator, source } = await openAccount(t);
    await simulator.close();
    const error = await errorOf(source.listPage(DAY));
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /ECONNREFUSED/);
    assert.equal(error.cause, undefined);
  });

  test('a list that is throttled is not asked for again before its time, however often the sweep comes', async (t) => {
    const { simulator } = await openAccount(t);
    let time = Date.now();
    const source = createTeleMessageSource({ ...ACCOUNT, baseUrl: simulator.baseUrl, archiverId: ARCHIVER, now: () => new Date(time) });
    simulator.setFaults([{ match: { kind: 'list' }, effect: { type: 'status', status: 429, retryAfterSeconds: 33 } }]);
    await assert.rejects(source.listPage(DAY), RetryAfterError);
    time += 20_000;
    const again = await errorOf(source.listPage(DAY));
    assert.ok(again instanceof RetryAfterError);
    assert.equal(again.delayMs, 13_000);
    assert.equal(simulator.requests.list, 1);
    time += 13_000;
    assert.deepEqual((await source.listPage(DAY)).items, []);
  });

  test('a throttled page waits as long as the source asks', async (t) => {
    const { simulator, source } = await openAccount(t);
    simulator.setFaults([{ match: { kind: 'list' }, effect: { type: 'status', status: 429, retryAfterSeconds: 33 } }]);
    const error = await errorOf(source.listPage(DAY));
    assert.ok(error instanceof RetryAfterError);
    assert.equal(error.delayMs, 33_000);
    assert.equal(simulator.requests.list, 1);
  });

  test('a redirect is refused, and the host it names hears nothing', async (t) => {
    const { simulator, source } = await openAccount(t);
    const other = await openAccount(t);
    simulator.setFaults([
      { match: { kind: 'list' }, effect: { type: 'redirect', to: new URL('/v1/items', other.simulator.baseUrl).href } },
    ]);
    const error = await errorOf(source.listPage(DAY));
    assert.ok(error instanceof PermanentError);
    assert.equal(error.reason, 'source-refused');
    const { login, list, warnings } = other.simulator.requests;
    assert.deepEqual([login, list, warnings], [0, 0, []]);
  });
});
