/**
 * The simulated TeleMessage lists and serves the items of a folder, the same after a restart.
 *
 * @module
 */
import { describe, test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import {
  startSimulatedTeleMessage,
  type SimulatedTeleMessage,
  type SimulatedTeleMessageOptions,
} from '../../local/telemessage/simulated-telemessage.ts';

const ACCOUNT = { username: 'archive-account', password: 'the-password', archiver: 'enterprise-number' };
const START = new Date('2026-01-05T10:00:00Z');

const pageSchema = z.strictObject({
  items: z.array(z.strictObject({ id: z.string(), arrivedAt: z.iso.datetime() })),
  nextCursor: z.string().optional(),
});

async function makeFolder(t: TestContext, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'simulated-telemessage-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

async function start(t: TestContext, options: Partial<SimulatedTeleMessageOptions> & { items: string }): Promise<SimulatedTeleMessage> {
  const simulator = await startSimulatedTeleMessage({ ...ACCOUNT, now: () => START, ...options });
  t.after(() => simulator.close());
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

async function list(simulator: SimulatedTeleMessage, query: Readonly<Record<string, string>> = {}): Promise<z.output<typeof pageSchema>> {
  const window = { from: '2026-01-01T00:00:00Z', to: START.toISOString(), archiver: ACCOUNT.archiver };
  const response = await get(simulator, `/v1/items?${new URLSearchParams({ ...window, ...query }).toString()}`);
  assert.equal(response.status, 200);
  return pageSchema.parse(await response.json());
}

function content(simulator: SimulatedTeleMessage, id: string): Promise<Response> {
  return get(simulator, `/v1/items/${encodeURIComponent(id)}/content?archiver=${ACCOUNT.archiver}`);
}

const ids = (page: z.output<typeof pageSchema>) => page.items.map((item) => item.id);

describe('the arrival of items', () => {
  test('files arrive in order of their names, each at a time of its own, all before the start', async (t) => {
    const simulator = await start(t, { items: await makeFolder(t, { 'b.eml': '2', 'a.eml': '1', 'B.eml': '0' }) });
    assert.deepEqual((await list(simulator)).items, [
      { id: 'B.eml', arrivedAt: '2026-01-05T09:59:00.000Z' },
      { id: 'a.eml', arrivedAt: '2026-01-05T09:59:00.001Z' },
      { id: 'b.eml', arrivedAt: '2026-01-05T09:59:00.002Z' },
    ]);
  });

  test('a file added later arrives later, and no other one changes its time', async (t) => {
    const items = await makeFolder(t, { 'b.eml': '2' });
    let now = START;
    const simulator = await start(t, { items, now: () => now });
    const before = await list(simulator);
    await writeFile(join(items, 'a.eml'), '1');
    now = new Date(START.getTime() + 3_600_000);
    const after = await list(simulator, { to: now.toISOString() });
    assert.deepEqual(after.items, [...before.items, { id: 'a.eml', arrivedAt: '2026-01-05T10:59:00.000Z' }]);
  });

  test('two files seen at the same moment one after the other do not share a time', async (t) => {
    const items = await makeFolder(t, { 'b.eml': '2' });
    const simulator = await start(t, { items });
    await writeFile(join(items, 'a.eml'), '1');
    assert.deepEqual((await list(simulator)).items, [
      { id: 'b.eml', arrivedAt: '2026-01-05T09:59:00.000Z' },
      { id: 'a.eml', arrivedAt: '2026-01-05T09:59:00.001Z' },
    ]);
  });

  test('a restarted simulator says the same times, and a cursor goes on where it was', async (t) => {
    const folder = await makeFolder(t, { 'a.eml': '1', 'b.eml': '2', 'c.eml': '3' });
    const options = { items: folder, arrivals: join(folder, 'arrivals.json') };
    const first = await start(t, options);
    const whole = await list(first);
    const { nextCursor = '' } = await list(first, { limit: '1' });
    const second = await start(t, { ...options, now: () => new Date(START.getTime() + 86_400_000) });
    assert.deepEqual(await list(second), whole);
    assert.deepEqual(ids(await list(second, { cursor: nextCursor })), ['b.eml', 'c.eml']);
  });

  test('a broken file of arrival times stops the start and is named', async (t) => {
    const items = await makeFolder(t, { 'arrivals.json': '{"a.eml":' });
    await assert.rejects(startSimulatedTeleMessage({ ...ACCOUNT, items, arrivals: join(items, 'arrivals.json') }), /arrivals\.json/);
  });

  test('an added item arrives when the caller says, and is gone when taken away', async (t) => {
    const simulator = await start(t, { items: await makeFolder(t, { 'a.eml': '1' }) });
    simulator.addItem('old', () => Buffer.from('old'), new Date('2026-01-02T00:00:00Z'));
    assert.deepEqual(ids(await list(simulator)), ['old', 'a.eml']);
    assert.deepEqual(ids(await list(simulator, { to: '2026-01-03T00:00:00Z' })), ['old']);
    assert.equal(await (await content(simulator, 'old')).text(), 'old');
    simulator.addItem('old', () => Buffer.from('replaced'), new Date('2026-01-02T00:00:00Z'));
    assert.equal(await (await content(simulator, 'old')).text(), 'replaced');
    simulator.removeItem('old');
    assert.deepEqual(ids(await list(simulator)), ['a.eml']);
    assert.equal((await content(simulator, 'old')).status, 404);
  });
});

describe('a listing of the simulator', () => {
  test('a window has its beginning and not its end', async (t) => {
    const simulator = await start(t, { items: await makeFolder(t) });
    const times = ['2026-01-02T00:00:00.000Z', '2026-01-02T23:59:59.999Z', '2026-01-03T00:00:00.000Z'];
    for (const time of times) simulator.addItem(time, () => Buffer.alloc(1), new Date(time));
    const window = { from: '2026-01-02T00:00:00.000Z', to: '2026-01-03T00:00:00.000Z' };
    assert.deepEqual(ids(await list(simulator, window)), times.slice(0, 2));
  });

  test('2,100 items come in pages of 500, or of the limit, each once and in order', async (t) => {
    const names = Array.from({ length: 2_100 }, (_, index) => `item-${String(index).padStart(4, '0')}.eml`);
    const simulator = await start(t, {
      items: await makeFolder(t),
      extraItems: new Map(names.toReversed().map((name) => [name, () => Buffer.from(name)])),
    });
    for (const [limit, sizes] of [
      [{}, [500, 500, 500, 500, 100]],
      [{ limit: '1000' }, [1000, 1000, 100]],
      [{ limit: '700' }, [700, 700, 700]],
    ] as const) {
      const pages = [await list(simulator, limit)];
      for (let cursor = pages[0]?.nextCursor; cursor !== undefined; cursor = pages.at(-1)?.nextCursor) {
        pages.push(await list(simulator, { ...limit, cursor }));
      }
      assert.deepEqual(
        pages.map((page) => page.items.length),
        sizes,
      );
      assert.deepEqual(pages.flatMap(ids), names);
    }
  });

  test('only files that end in .eml are items, whatever else their names hold', async (t) => {
    const names = ['.eml', '.hidden.eml', 'CAPITALS.EML', 'a b#?%&+;\n.eml', '__proto__.eml', 'ünïcode 🙂.eml'];
    const items = await makeFolder(t, Object.fromEntries([...names, 'notes.txt', 'eml', 'x.eml.bak'].map((name) => [name, `in ${name}`])));
    await mkdir(join(items, 'folder.eml'));
    await writeFile(Buffer.concat([Buffer.from(join(items, 'latin1-')), Buffer.from([0xe9]), Buffer.from('.eml')]), 'in latin1');
    const simulator = await start(t, { items });
    assert.deepEqual(ids(await list(simulator)).sort(), [...names, 'latin1-é.eml'].sort());
    for (const name of names) assert.equal(await (await content(simulator, name)).text(), `in ${name}`);
    assert.equal(await (await content(simulator, 'latin1-é.eml')).text(), 'in latin1');
    assert.equal(simulator.contentRequests('__proto__.eml'), 1);
    assert.deepEqual(simulator.requests.warnings, []);
  });

  test('another archiver has no items', async (t) => {
    const simulator = await start(t, { items: await makeFolder(t, { 'a.eml': '1' }) });
    assert.deepEqual(await list(simulator, { archiver: 'signal' }), { items: [] });
    assert.equal((await get(simulator, '/v1/items/a.eml/content?archiver=signal')).status, 404);
  });
});

describe('a content of the simulator', () => {
  test('has its length and digest, whether small, large, made in pieces or empty', async (t) => {
    const large = 'large '.repeat(200_000);
    const simulator = await start(t, {
      items: await makeFolder(t, { 'small.eml': 'small', 'large.eml': large, 'empty.eml': '' }),
      extraItems: new Map([
        [
          'pieces',
          async function* () {
            yield Buffer.from('pie');
            yield Buffer.from('ces');
          },
        ],
      ]),
    });
    for (const [id, text] of Object.entries({ 'small.eml': 'small', 'large.eml': large, 'empty.eml': '', pieces: 'pieces' })) {
      const response = await content(simulator, id);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'message/rfc822');
      assert.equal(response.headers.get('content-length'), String(text.length));
      assert.equal(response.headers.get('digest'), `sha-256=${createHash('sha256').update(text).digest('base64')}`);
      assert.equal(await response.text(), text);
    }
  });

  test('a file that changed is served as it is now, and one deleted since it was listed is unknown', async (t) => {
    const items = await makeFolder(t, { 'a.eml': 'before' });
    const simulator = await start(t, { items });
    assert.equal(await (await content(simulator, 'a.eml')).text(), 'before');
    await writeFile(join(items, 'a.eml'), 'afterwards');
    assert.equal(await (await content(simulator, 'a.eml')).text(), 'afterwards');
    await rm(join(items, 'a.eml'));
    assert.equal((await content(simulator, 'a.eml')).status, 404);
    assert.equal((await content(simulator, '../a.eml')).status, 404);
    assert.equal(simulator.contentRequests('a.eml'), 3);
  });
});
