/**
 * Content-Length and Digest of an item, against the bytes that come.
 *
 * @module
 */
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { TransientError } from '../../shared/errors.ts';
import type { SourceLimits } from '../../shared/telemessage/source-limits.ts';
import { createTeleMessageSource, type TeleMessageSource } from '../../shared/telemessage/telemessage-source.ts';

const ACCOUNT = { username: 'archive-account', password: 'the-password' };
const ID = 'SECRET-id-445204334324';

/** A source whose contents are answered with a made response. */
function answeredWith(response: (signal: AbortSignal | undefined) => Response, limits: Partial<SourceLimits> = {}): TeleMessageSource {
  return createTeleMessageSource({
    ...ACCOUNT,
    baseUrl: new URL('https://telemessage.example'),
    archiverId: 'signal',
    limits,
    fetch: async (address, request) =>
      address instanceof URL && address.pathname === '/v1/login'
        ? Response.json({ token: 'the-token', expiresInSeconds: 60 })
        : response(request?.signal ?? undefined),
  });
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

describe('the bytes of an item', () => {
  test('more than the Content-Length are an error, and none of them is handed on', async () => {
    const source = answeredWith(() => new Response('hello world', { headers: { 'content-length': '5' } }));
    let handedOn = 0;
    const reading = async () => {
      for await (const chunk of await source.openItem(ID)) handedOn += chunk.length;
    };
    const error = await errorOf(reading());
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /announced an item of 5 bytes and sent 11/);
    assert.equal(handedOn, 0);
  });

  test('fewer than the Content-Length are an error even where the platform does not say so', async () => {
    const error = await errorOf(download(answeredWith(() => new Response('hello', { headers: { 'content-length': '11' } }))));
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /announced an item of 11 bytes and sent 5/);
  });

  test('a slow consumer does not count as a source that stalls, and a source that stalls afterwards still does', async () => {
    const source = answeredWith(
      (signal) => {
        const body = new ReadableStream({
          start(controller) {
            signal?.addEventListener('abort', () => controller.error(new Error('aborted')));
            for (const text of ['one', 'two']) controller.enqueue(Buffer.from(text));
          },
        });
        return new Response(body, { headers: { 'content-length': '9' } });
      },
      { downloadIdleMs: 20 },
    );
    let text = '';
    const reading = async () => {
      for await (const chunk of await source.openItem(ID)) {
        text += Buffer.from(chunk).toString();
        await delay(50);
      }
    };
    const error = await errorOf(reading());
    assert.ok(error instanceof TransientError);
    assert.match(error.message, /nothing for 20 ms.*after 6 bytes/);
    assert.equal(text, 'onetwo');
  });
});

describe('the headers of an item', () => {
  const good = sha256(Buffer.from('hello'));
  const other = sha256(Buffer.from('other'));
  for (const digest of [good, `md5=XUFAKrxLKna5cZ2REBfFkg==, ${good}`, `${good.replace('sha', 'SHA')},unixsum=30637`, 'md5=AAAA']) {
    test(`Digest: ${digest.slice(0, 30)}… is accepted`, async () => {
      const source = answeredWith(() => new Response('hello', { headers: { digest, 'content-length': '5' } }));
      assert.equal((await download(source)).toString(), 'hello');
    });
  }
  for (const digest of [other.replace('sha', 'SHA'), 'sha-256=', 'sha-256=AAAA', `${good}, ${other}`, `md5=AAAA, ${other}`]) {
    test(`Digest: ${digest.slice(0, 60)} is refused`, async () => {
      const source = answeredWith(() => new Response('hello', { headers: { digest, 'content-length': '5' } }));
      assert.ok((await errorOf(download(source))) instanceof TransientError);
    });
  }
  for (const length of ['-5', '5, 5', '5.0', '0x5', '']) {
    test(`Content-Length: '${length}' is refused`, async () => {
      const source = answeredWith(() => new Response('hello', { headers: { 'content-length': length } }));
      assert.ok((await errorOf(source.openItem(ID))) instanceof TransientError);
    });
  }
});
