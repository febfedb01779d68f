/**
 * Upload sessions of the simulated Graph.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { openSimulation, send, type Simulation, type TestAnswer } from '../../local/graph/testing.ts';

const MESSAGES = '/users/ben@contoso.example/messages';
const SMALL = { uploadMinimumBytes: 1, rangeBytes: 1000, uploadBytes: 5000 };
const content = Buffer.from(Array.from({ length: 1500 }, (_, index) => index % 251));

interface Upload {
  readonly simulation: Simulation;
  readonly messageId: string;
  readonly url: string;
  readonly put: (start: number, end: number, headers?: Record<string, string>) => Promise<TestAnswer>;
}

async function openUpload(t: TestContext, item: object = {}): Promise<Upload> {
  const simulation = await openSimulation(t, { limits: SMALL });
  const created = await simulation.call('POST', '/users/ben@contoso.example/mailFolders/inbox/messages', { subject: 'x' });
  const messageId: string = created.body.id;
  const opened = await simulation.call('POST', `${MESSAGES}/${messageId}/attachments/createUploadSession`, {
    AttachmentItem: { attachmentType: 'file', name: 'call.mp3', size: content.length, contentType: 'audio/mpeg', ...item },
  });
  assert.equal(opened.status, 201, JSON.stringify(opened.body));
  assert.deepEqual(opened.body.nextExpectedRanges, ['0-']);
  assert.ok(Date.parse(opened.body.expirationDateTime) > Date.now());
  const url: string = opened.body.uploadUrl;
  const put = (start: number, end: number, headers: Record<string, string> = {}): Promise<TestAnswer> =>
    send('PUT', url, content.subarray(start, end), { 'content-range': `bytes ${start}-${end - 1}/${content.length}`, ...headers });
  return { simulation, messageId, url, put };
}

describe('an upload session', () => {
  test('is on another host and takes the ranges in order; the last answer has no body but the place of the attachment', async (t) => {
    const { simulation, messageId, url, put } = await openUpload(t, { isInline: true, contentId: 'cid1' });
    assert.notEqual(new URL(url).host, new URL(simulation.graph.baseUrl).host);
    const middle = await put(0, 900);
    assert.equal(middle.status, 200);
    assert.deepEqual(middle.body.NextExpectedRanges, ['900']);
    assert.deepEqual((await simulation.call('GET', `${MESSAGES}/${messageId}/attachments`)).body.value, []);
    const last = await put(900, 1500);
    assert.equal(last.status, 201);
    assert.deepEqual(last.body, {});

    const listed = await simulation.call('GET', `${MESSAGES}/${messageId}/attachments`);
    const [attachment] = listed.body.value;
    assert.equal(attachment.name, 'call.mp3');
    assert.equal(attachment.contentType, 'audio/mpeg');
    assert.equal(attachment.isInline, true);
    assert.equal(attachment.contentId, 'cid1');
    assert.ok(content.equals(Buffer.from(attachment.contentBytes, 'base64')));
    assert.ok(last.headers.get('location')?.endsWith(`/Attachments('${attachment.id}')`));
    const stored = JSON.parse(await readFile(join(simulation.root, 'ben@contoso.example/Inbox/1.json'), 'utf8'));
    assert.equal(stored.attachments[0].sha256, createHash('sha256').update(content).digest('hex'));
    assert.equal(stored.attachments[0].size, content.length);
    assert.equal((await send('GET', url)).status, 404);
    assert.deepEqual(await readdir(join(simulation.hidden, 'temporary')), []);
    assert.deepEqual(simulation.graph.requests.warnings, []);
  });

  test('refuses a range out of order and says what it expects', async (t) => {
    const { url, put } = await openUpload(t);
    assert.equal((await put(900, 1500)).status, 416);
    await put(0, 900);
    assert.equal((await put(0, 900)).status, 416);
    const status = await send('GET', url);
    assert.equal(status.status, 200);
    assert.deepEqual(status.body.nextExpectedRanges, ['900']);
    assert.equal((await put(900, 1500)).status, 201);
  });

  test('refuses two copies of one range at the same time', async (t) => {
    const { put } = await openUpload(t);
    const answers = await Promise.all([put(0, 900), put(0, 900), put(0, 900)]);
    assert.deepEqual(
      answers.map(({ status }) => status).sort((a, b) => a - b),
      [200, 416, 416],
    );
    assert.equal((await put(900, 1500)).status, 201);
  });

  test('refuses an Authorization header and a wrong token', async (t) => {
    const { url, put } = await openUpload(t);
    assert.equal((await put(0, 900, { authorization: 'Bearer x' })).status, 401);
    assert.equal((await send('GET', `${url}x`)).status, 404);
    assert.equal((await send('GET', url.replace(/\?.*/, ''))).status, 404);
    assert.deepEqual((await send('GET', url)).body.nextExpectedRanges, ['0']);
  });

  test('refuses a range as large as the limit, and takes one byte less', async (t) => {
    const { put } = await openUpload(t);
    assert.equal((await put(0, 1000)).status, 413);
    assert.equal((await put(0, 999)).status, 200);
  });

  for (const range of [
    undefined,
    'bytes 0-899',
    'bytes 0-898/1500',
    'bytes 0-900/1500',
    'bytes 0-899/1501',
    'bytes 899-0/1500',
    'bytes 0-899/*',
    '0-899/1500',
  ]) {
    test(`refuses 900 bytes under the Content-Range ${range}`, async (t) => {
      const { url } = await openUpload(t);
      const answer = await send('PUT', url, content.subarray(0, 900), range === undefined ? {} : { 'content-range': range });
      assert.equal(answer.status, 400);
      assert.deepEqual((await send('GET', url)).body.nextExpectedRanges, ['0']);
    });
  }

  test('is gone when it is cancelled, with the bytes it had', async (t) => {
    const { simulation, url, put } = await openUpload(t);
    await put(0, 900);
    assert.equal((await send('DELETE', url)).status, 204);
    assert.equal((await put(900, 1500)).status, 404);
    assert.deepEqual(await readdir(join(simulation.hidden, 'temporary')), []);
  });

  test('is gone when its time is over', async (t) => {
    const simulation = await openSimulation(t, { limits: { ...SMALL, uploadSessionMs: 0 } });
    const { body: message } = await simulation.call('POST', '/users/ben@contoso.example/mailFolders/inbox/messages', {});
    const item = { AttachmentItem: { attachmentType: 'file', name: 'a', size: 5 } };
    const { body: session } = await simulation.call('POST', `${MESSAGES}/${message.id}/attachments/createUploadSession`, item);
    assert.equal((await send('GET', session.uploadUrl)).status, 404);
  });

  test('follows its message to another folder, and ends with a message that is deleted', async (t) => {
    const moved = await openUpload(t);
    await moved.put(0, 900);
    await moved.simulation.call('POST', `${MESSAGES}/${moved.messageId}/move`, { destinationId: 'archive' });
    assert.equal((await moved.put(900, 1500)).status, 201);
    assert.deepEqual(await readdir(join(moved.simulation.root, 'ben@contoso.example/Archive')), ['1-1-call.mp3', '1.json']);

    const deleted = await openUpload(t);
    await deleted.put(0, 900);
    await deleted.simulation.call('DELETE', `${MESSAGES}/${deleted.messageId}`);
    assert.equal((await deleted.put(900, 1500)).status, 404);
    assert.deepEqual(await readdir(join(deleted.simulation.hidden, 'temporary')), []);
  });
});

describe('opening an upload session is refused', () => {
  const item = { attachmentType: 'file', name: 'a.bin', size: 100 };
  const cases: readonly [why: string, status: number, code: string | undefined, body: object][] = [
    ['for a file below the minimum', 400, 'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize', { AttachmentItem: { ...item, size: 0 } }],
    ['for a file above the maximum', 413, 'ErrorMessageSizeExceeded', { AttachmentItem: { ...item, size: 5001 } }],
    ['for another kind of attachment', 400, undefined, { AttachmentItem: { ...item, attachmentType: 'item' } }],
    ['without a name', 400, undefined, { AttachmentItem: { attachmentType: 'file', size: 100 } }],
    ['without a size', 400, undefined, { AttachmentItem: { attachmentType: 'file', name: 'a' } }],
    ['with a size that is a text', 400, undefined, { AttachmentItem: { ...item, size: '100' } }],
    ['with an unknown property', 400, undefined, { AttachmentItem: { ...item, contentID: 'x' } }],
    ['with the wrong name of the item', 400, undefined, { attachmentItem: item }],
  ];
  for (const [why, status, code, body] of cases) {
    test(why, async (t) => {
      const { simulation, messageId } = await openUpload(t);
      const answer = await simulation.call('POST', `${MESSAGES}/${messageId}/attachments/createUploadSession`, body);
      assert.equal(answer.status, status);
      if (code !== undefined) assert.equal(answer.body.error.code, code);
    });
  }

  test('for a message that does not exist', async (t) => {
    const { simulation } = await openUpload(t);
    const answer = await simulation.call('POST', `${MESSAGES}/none/attachments/createUploadSession`, { AttachmentItem: item });
    assert.equal(answer.body.error.code, 'ErrorItemNotFound');
  });
});

test("the limits are Microsoft's where a test sets none", async (t) => {
  const simulation = await openSimulation(t);
  const { body: message } = await simulation.call('POST', '/users/ben@contoso.example/mailFolders/inbox/messages', {});
  const open = async (size: number): Promise<number> =>
    (
      await simulation.call('POST', `${MESSAGES}/${message.id}/attachments/createUploadSession`, {
        AttachmentItem: { attachmentType: 'file', name: 'a', size },
      })
    ).status;
  assert.equal(await open(2_999_999), 400);
  assert.equal(await open(3_000_000), 201);
  assert.equal(await open(150 * 1024 * 1024), 201);
  assert.equal(await open(150 * 1024 * 1024 + 1), 413);
});
