/**
 * Downloading an item: the whole bytes or an error, never half an item that looks like one.
 *
 * @module
 */
import { describe, test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { PermanentError, RetryAfterError, TransientError } from '../../shared/errors.ts';
import type { SourceLimits } from '../../shared/telemessage/source-limits.ts';
import { createTeleMessageSource, type TeleMessageSource } from '../../shared/telemessage/telemessage-source.ts';
import type { FaultEffect } from '../../local/telemessage/faults.ts';
import { startSimulatedTeleMessage, type SimulatedTeleMessage } from '../../local/telemessage/simulated-telemessage.ts';

const ACCOUNT = { username: 'archive-account', password: 'the-password' };
const ID = 'SECRET-id-445204334324';
const BYTES = randomBytes(300_000);

async function openAccount(
  t: TestContext,
  limits: Partial<SourceLimits> = {},
): Promise<{ simulator: SimulatedTeleMessage; source: TeleMessageSource }> {
  const items = await mkdtemp(join(tmpdir(), 'telemessage-'));
  const simulator = await startSimulatedTeleMessage({ ...ACCOUNT, items, archiver: 'signal', extraItems: new Map([[ID, () => BYTES]]) });
  t.after(async () => {
    await simulator.close();
    await rm(items, { recursive: true });
  });
  return { simulator, source: createTeleMessageSource({ ...ACCOUNT, baseUrl: simulator.baseUrl, archiverId: 'signal', limits }) };
}

/** A server that signs anybody in and answers the content of every item by hand. */
async function serveContent(
  t: TestContext,
  answer: (response: ServerResponse, path: string) => void,
  limits: Partial<SourceLimits> = {},
): Promise<{ server: Server; source: TeleMessageSource }> {
  const server = createServer((request, response) => {
    if (request.url === '/v1/login') response.end(JSON.stringify({ token: 'the-token', expiresInSeconds: 60 }));
    else answer(response, request.url ?? '');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const baseUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return { server, source: createTeleMessageSource({ ...ACCOUNT, baseUrl, archiverId: 'signal', limits }) };
}

async function download(source: TeleMessageSource, id = ID): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await source.openItem(id)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function errorOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    assert.doesNotMatch(inspect(error, { depth: 10 }), /SECRET|445204334324|the-password|the-token|archive-account/);
    return error;
  }
  return assert.fail('expected an error');
}

const sha256 = (bytes: Uint8Array) => `sha-256=${createHash('sha256').update(bytes).digest('base64')}`;

describe('a download', () => {
  test('gives the bytes of exactly the item that was asked for, whatever its id looks like', async (t) => {
    const { simulator, source } = await openAccount(t);
    const ids = [
      '007',
      '89e7073266',
      'a/b',
      '../a',
      '..%2fa',
      '%2e%2e',
      '%2E',
      '...',
      'a b#?%&=+;:@',
      '\u0000\r\n\t\\',
      'ünïcode 🙂 עברית',
      '__proto__',
    ];
    ids.push('🙂'.repeat(1024));
    for (const id of ids) simulator.addItem(id, () => Buffer.from(`bytes of ${id}`));
    for (const id of ids) assert.equal((await download(source, id)).toString(), `bytes of ${id}`);
    assert.deepEqual([...simulator.requests.contentById.keys()], ids);
    assert.deepEqual(simulator.requests.warnings, []);
  });

  for (const [what, id] of Object.entries({
    'one dot': '.',
    'two dots': '..',
    nothing: '',
    'half of a surrogate pair': 'a\ud800',
    '1,025 characters': 'x'.repeat(1025),
  })) {
    test(`an id of ${what}, which no address can carry, is refused without a request`, async (t) => {
      const { simulator, source } = await openAccount(t);
      const error = await errorOf(source.openItem(id));
      assert.ok(error instanceof PermanentError);
      assert.equal(error.reason, 'source-refused');
      assert.match(error.message, /cannot be written into an address/);
      assert.deepEqual([simulator.requests.login, simulator.requests.content], [0, 0]);
    });
  }

  test('of an item that is no longer there is parked with that reason', async (t) => {
    const { source } = await openAccount(t);
    const error = await errorOf(source.openItem('SECRET-purged'));
    assert.ok(error instanceof PermanentError);
    assert.equal(error.reason, 'source-item-not-found');
  });

  test('of an empty item gives no bytes and no error', async (t) => {
    const { simulator, source } = await openAccount(t);
    simulator.addItem('empty', () => Buffer.alloc(0));
    assert.equal((await download(source, 'empty')).length, 0);
  });

  test('hands the bytes on as they come', async (t) => {
    const release = new EventEmitter();
    const { source } = await serveContent(t, (response) => {
      response.writeHead(200, { 'content-length': 10 }).write('first');
      release.once('first seen', () => response.end('later'));
    });
    const seen: string[] = [];
    for await (const chunk of await source.openItem(ID)) {
      seen.push(Buffer.from(chunk).toString());
      release.emit('first seen');
    }
    assert.deepEqual(seen, ['first', 'later']);
  });

  test('fifteen answers, refusals with error pages among them, one after the other, use the same connections', async (t) => {
    let connections = 0;
    let asked = 0;
    const page = 'an error page of 60,000 bytes'.padEnd(60_000);
    const { server, source } = await serveContent(t, (response, path) => {
      asked += 1;
      if (path.includes('purged')) response.writeHead(404).end(page);
      else if (asked % 3 === 1) response.writeHead(401).end(page);
      else response.writeHead(200, { 'content-length': BYTES.length, digest: sha256(BYTES) }).end(BYTES);
    });
    server.on('connection', () => (connections += 1));
    for (let round = 0; round < 5; round += 1) {
      assert.ok((await download(source)).equals(BYTES));
      assert.ok((await errorOf(download(source, 'purged'))) instanceof PermanentError);
    }
    assert.equal(asked, 15);
    // Two, not one: the first is not yet free when the request after the login is sent.
    assert.ok(connections <= 2, `${connections} connections`);
  });
});

describe('a broken transfer', () => {
  test('a refusal whose body never ends is given up, and its connection with it', async (t) => {
    const ends: Promise<unknown>[] = [];
    const { source } = await serveContent(t, (response) => {
      ends.push(once(response, 'close'));
      response.writeHead(ends.length === 1 ? 401 : 404).write(Buffer.alloc(1_000_000));
    });
    const error = await errorOf(source.openItem(ID));
    assert.ok(error instanceof PermanentError);
    assert.equal(ends.length, 2);
    await Promise.all(ends);
  });

  const half = BYTES.length / 2;
  const faults: Record<string, [effect: FaultEffect, message: RegExp]> = {
    'shorter than its Content-Length': [{ type: 'truncate', bytes: half }, /broke off after \d+ bytes \(UND_ERR_SOCKET\)/],
    'shorter than its Digest says, with a regular end': [{ type: 'truncate-quietly', bytes: half }, /150000 bytes.*do not match/],
    'with another byte than its Digest says': [{ type: 'corrupt' }, /300000 bytes.*do not match/],
    'that stops in the middle': [{ type: 'stall', afterBytes: half }, /nothing for 300 ms.*after 150000 bytes/],
  };
  for (const [what, [effect, message]] of Object.entries(faults)) {
    test(`${what} is an error from the stream, and the next try gets the whole`, async (t) => {
      const { simulator, source } = await openAccount(t, { downloadIdleMs: 300 });
      simulator.setFaults([{ match: { kind: 'content' }, effect }]);
      const stream = await source.openItem(ID);
      let bytes = 0;
      const error = await errorOf(
        (async () => {
          for await (const chunk of stream) bytes += chunk.length;
        })(),
      );
      assert.ok(error instanceof TransientError);
      assert.match(error.message, message);
      assert.equal(error.cause, undefined);
      assert.ok(bytes > 0);
      assert.ok((await download(source)).equals(BYTES));
    });
  }

  test('that is reset or never answered is an error before the stream', async (t) => {
    const { simulator, source } = await openAccount(t, { requestMs: 500 });
    for (const effect of [{ type: 'reset' }, { type: 'time-out' }] as const) {
      simulator.setFaults([{ match: { kind: 'content', id: ID }, effect }]);
      assert.ok((await errorOf(source.openItem(ID))) instanceof TransientError);
    }
  });

  test('that is throttled waits as long as the source asks', async (t) => {
    const { simulator, source } = await openAccount(t);
    simulator.setFaults([{ match: { kind: 'content' }, effect: { type: 'status', status: 503, retryAfterSeconds: 9 } }]);
    const error = await errorOf(source.openItem(ID));
    assert.ok(error instanceof RetryAfterError);
    assert.equal(error.delayMs, 9_000);
  });

  test('a consumer that stops early ends the connection', async (t) => {
    const closed = new EventEmitter();
    const end = once(closed, 'end');
    const { source } = await serveContent(t, (response) => {
      response.on('close', () => closed.emit('end'));
      response.writeHead(200, { 'content-length': 1_000_000_000 }).write('beginning');
    });
    for await (const chunk of await source.openItem(ID)) {
      assert.equal(Buffer.from(chunk).toString(), 'beginning');
      break;
    }
    await end;
  });
});

describe('an answer with an item', () => {
  test('the bytes are asked for as they are, with the token, and a compressed answer is refused', async (t) => {
    const { server, source } = await serveContent(t, (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 5 }).end('hello');
    });
    const headers: unknown[] = [];
    server.on('request', ({ headers: sent, url }) => headers.push([url, sent['accept-encoding'], sent.authorization]));
    const error = await errorOf(source.openItem(ID));
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /compressed/);
    assert.deepEqual(headers, [
      ['/v1/login', 'identity', undefined],
      [`/v1/items/${ID}/content?archiver=signal`, 'identity', 'Bearer the-token'],
    ]);
  });

  test('an answer whose end nothing marks is refused, because half of it would look whole', async (t) => {
    const { source } = await serveContent(t, (response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\n\r\nhello');
    });
    const error = await errorOf(source.openItem(ID));
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /end cannot be recognised/);
  });

  test('bytes behind the announced end never get into the item', async (t) => {
    const { source } = await serveContent(t, (response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello SECRET');
    });
    assert.equal((await download(source)).toString(), 'hello');
  });

  test('an answer that is not HTTP is an error that does not quote it', async (t) => {
    const { source } = await serveContent(t, (response) => {
      response.socket?.end('SECRET SECRET\r\n\r\n');
    });
    assert.ok((await errorOf(source.openItem(ID))) instanceof TransientError);
  });
});
