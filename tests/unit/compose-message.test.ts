/** The create request: it stays under what Graph takes, and no attachment is lost over it. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { archivers } from '../../shared/archivers.ts';
import { parseItem } from '../../shared/item/parse-item.ts';
import { limits } from '../../shared/limits.ts';
import { composeMessage } from '../../shared/mailbox/compose-message.ts';
import { joinBytes } from '../corpus/make-message.ts';

const MB = 1024 * 1024;

async function compose(recipients: number) {
  const cc = Array.from({ length: recipients }, (_, n) => `${'Ж'.repeat(400)} ${n} <a${n}@elsewhere.example>`).join(',\r\n ');
  const raw = joinBytes(
    Buffer.from(`Cc: ${cc}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${'x'.repeat(0.99 * MB)}\r\n`),
    `--b\r\nContent-Type: image/png\r\n\r\n${'x'.repeat(2 * MB - 100)}\r\n--b\r\nContent-Type: text/vcard\r\n\r\nsmall\r\n--b--\r\n`,
  );
  const parsed = await parseItem(raw, { userEmailHeader: 'X' });
  return composeMessage(
    { contentKey: 'a', sha256: 'b', arrivedAt: '2026-11-22T09:00:00Z', parsed, raw },
    [...archivers.values()][0]!,
    false,
  );
}

describe('a create request', () => {
  test('holds small attachments where there is room', async () => {
    const { uploads, json } = await compose(1);
    assert.deepEqual(uploads, []);
    assert.ok(json.includes(Buffer.from('small').toString('base64')));
  });

  test('stays under what Graph takes however many recipients there are, and what does not fit is uploaded', async () => {
    const { uploads, json, attachments } = await compose(1_450);
    assert.ok(Buffer.byteLength(json) <= limits.createRequestBytes);
    assert.deepEqual(
      uploads.map(({ contentType }) => contentType),
      ['image/png'],
    );
    assert.equal(attachments.length, 2);
  });
});
