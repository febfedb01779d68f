/** Texts that no create request can carry: attached byte for byte, never made into one long text. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseItem } from '../../shared/item/parse-item.ts';
import { limits } from '../../shared/limits.ts';
import { joinBytes } from '../corpus/make-message.ts';

/** Parses a multipart/mixed of these parts, each its headers and its content. */
function parse(...parts: (readonly [headers: string, content: string | Uint8Array])[]) {
  const pieces = parts.flatMap(([headers, content]) => ['--b\r\n', headers, '\r\n\r\n', content, '\r\n']);
  return parseItem(joinBytes('Content-Type: multipart/mixed; boundary=b\r\n\r\n', ...pieces, '--b--\r\n'), { userEmailHeader: 'X' });
}

const HTML = ['Content-Type: text/html', '<p>short</p>'] as const;

describe('a text that is too long to be shown', () => {
  test('is attached byte for byte, with its charset, and the body says so beside what is short', async () => {
    const long = Buffer.alloc(limits.inlineBodyBytes + 1, 'caf\xe9\r\n', 'latin1');
    const { body, attachments } = await parse(['Content-Type: text/plain; charset=ISO-8859-1', long], HTML);
    assert.deepEqual(
      attachments.map(({ name, contentType, isInline }) => [name, contentType, isInline]),
      [['message-body.txt', 'text/plain; charset=iso-8859-1', false]],
    );
    assert.ok(Buffer.from(attachments[0]!.content).equals(long));
    assert.equal(body.contentType, 'html');
    assert.match(body.content, /^<div>A text of this message .+ attached whole as message-body\.txt\.<\/div>\n<p>short<\/p>$/);
  });

  test('is attached too where only all texts together are too long', async () => {
    const half = 'x'.repeat(limits.inlineBodyBytes / 2 + 1);
    const { body, attachments } = await parse(['Content-Type: text/plain', half], ['Content-Type: text/plain', half]);
    assert.equal(attachments.length, 1);
    assert.ok(body.content.startsWith(`${half}\nA text of this message`));
  });

  test('is shown where it is as long as allowed', async () => {
    const { body, attachments } = await parse(['Content-Type: text/plain', 'x'.repeat(limits.inlineBodyBytes)]);
    assert.deepEqual([body.content.length, attachments.length], [limits.inlineBodyBytes, 0]);
  });

  test('of 46 MB, each character of which HTML escapes, does not end the process', async () => {
    const { attachments } = await parse(['Content-Type: text/plain', Buffer.alloc(46 * 1024 * 1024, '&\n')], HTML);
    assert.equal(attachments[0]?.content.byteLength, 46 * 1024 * 1024);
  });
});
