import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { contentKey, type ContentKeyParts } from '../../shared/item/content-key.ts';
import { parseItem } from '../../shared/item/parse-item.ts';
import { readIdentity } from '../../shared/item/read-identity.ts';
import { limits } from '../../shared/limits.ts';
import { joinBytes } from '../corpus/make-message.ts';

const ITEM: ContentKeyParts = {
  archiverId: 'enterprise-number',
  archiveMessageId: '89e7073266',
  isDeletion: false,
  sha256Hex: 'ab'.repeat(32),
};

describe('the content key', () => {
  test('is 64 lower-case hex digits and the same for the same item, whatever its bytes', () => {
    const key = contentKey(ITEM);
    assert.match(key, /^[0-9a-f]{64}$/);
    assert.equal(contentKey({ ...ITEM, archiveMessageId: ' 89e7073266 ', sha256Hex: 'cd'.repeat(32) }), key);
  });

  test('stays what it was: mailboxes are searched by it for years', () => {
    assert.equal(
      contentKey(ITEM),
      createHash('sha256').update('["item","enterprise-number","archive-message-id","89e7073266"]').digest('hex'),
    );
  });

  test('is of the bytes where there is no id', () => {
    const { archiveMessageId: _, ...unnamed } = ITEM;
    const key = contentKey(unnamed);
    assert.equal(contentKey({ ...unnamed, archiveMessageId: '  ' }), key);
    assert.equal(contentKey({ ...unnamed, sha256Hex: ITEM.sha256Hex.toUpperCase() }), key);
    assert.notEqual(contentKey({ ...unnamed, sha256Hex: 'cd'.repeat(32) }), key);
    assert.notEqual(contentKey({ ...ITEM, archiveMessageId: ITEM.sha256Hex }), key);
  });

  test('differs between items, archivers, an item and its deletion, and deletions of different kinds', () => {
    const keys = [
      ITEM,
      { ...ITEM, archiveMessageId: '89E7073266' },
      { ...ITEM, archiverId: 'signal' },
      { ...ITEM, isDeletion: true, deletionKind: 'read' },
      { ...ITEM, isDeletion: true, deletionKind: 'for-me unknown' },
      { ...ITEM, isDeletion: true, deletionKind: 'for-all unknown' },
      { ...ITEM, isDeletion: true, archiverId: 'signal', deletionKind: 'read' },
    ].map(contentKey);
    assert.equal(new Set(keys).size, keys.length);
  });

  test('of a deletion listed twice is one', () => {
    assert.equal(
      contentKey({ ...ITEM, isDeletion: true, deletionKind: 'read' }),
      contentKey({ ...ITEM, isDeletion: true, deletionKind: 'read', sha256Hex: 'cd'.repeat(32) }),
    );
  });

  test('cannot be forged by an id that looks like the parts of another key', () => {
    const forged = contentKey({ ...ITEM, archiveMessageId: '89e7073266","deletion","read' });
    assert.notEqual(forged, contentKey({ ...ITEM, isDeletion: true, deletionKind: 'read' }));
  });
});

describe('the identity of an item too large to parse', () => {
  const HEADERS =
    'Subject: DELETED For All - UNKNOWN\r\nX-TELEMESSAGE-ArchiveMessageID:\r\n 89e7073266 \r\nX-TELEMESSAGE-Status: DELETED\r\n';

  test('is the one that parsing gives', async () => {
    const raw = joinBytes(HEADERS, '\r\nbody');
    const { archiveMessageId, isDeletion, deletionKind } = await parseItem(raw, { userEmailHeader: 'X' });
    assert.deepEqual(readIdentity(raw), { archiveMessageId, isDeletion, deletionKind });
    assert.deepEqual(readIdentity(raw), { archiveMessageId: '89e7073266', isDeletion: true, deletionKind: 'for-all unknown' });
  });

  test('is not taken from a header that is cut in the middle: half an id is another item’s', () => {
    const id = 'X-TELEMESSAGE-ArchiveMessageID: 89e7073266';
    const head = `X-Filler: ${'x'.repeat(limits.identityHeaderBytes - 12 - id.length)}\r\n${id}`;
    assert.equal(head.length, limits.identityHeaderBytes);
    assert.equal(readIdentity(joinBytes(head)).archiveMessageId, undefined);
    assert.equal(readIdentity(joinBytes(head.slice(1))).archiveMessageId, '89e7073266', 'a short item that ends there is whole');
    assert.equal(readIdentity(joinBytes(head.slice(4), '\r\n\r\n')).archiveMessageId, '89e7073266');
    assert.equal(readIdentity(joinBytes(`${id}\r\nX-Filler: ${'x'.repeat(limits.identityHeaderBytes)}`)).archiveMessageId, '89e7073266');
  });

  test('is none for a journal-wrapped item and for bytes that are no message', () => {
    assert.deepEqual(readIdentity(joinBytes(`Subject: Journal\r\nContent-Type: message/rfc822\r\n\r\n${HEADERS}\r\n`)), {
      archiveMessageId: undefined,
      isDeletion: false,
    });
    assert.equal(readIdentity(Buffer.alloc(limits.identityHeaderBytes)).archiveMessageId, undefined);
    assert.equal(readIdentity(new Uint8Array()).archiveMessageId, undefined);
  });
});
