import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseItem } from '../../shared/item/parse-item.ts';
import { joinBytes } from '../corpus/make-message.ts';

const ORIGINAL = [
  'From: Ben Okoro 16175550102 <ben.okoro@contoso.example>',
  'Subject: the original',
  'Date: Sun, 22 Nov 2026 13:30:00 +0000',
  'x-telemessage-archivemessageid: s-0012',
  'Content-Type: multipart/mixed; boundary=o',
  '',
  '--o',
  '',
  'wrapped',
  '--o',
  'Content-Type: image/png; name=a.png',
  '',
  'png',
  '--o--',
  '',
].join('\r\n');

function envelope(parts: readonly string[], headers = '', boundary = 'j'): string {
  const inside = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('');
  const own = `From: journal@telemessage.example\r\nSubject: Journal: SMS\r\n${headers}`;
  return `${own}Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n${inside}--${boundary}--\r\n`;
}

function wrapped(message: string, encoding = ''): string {
  const headers = `Content-Type: message/rfc822\r\n${encoding === '' ? '' : `Content-Transfer-Encoding: ${encoding}\r\n`}\r\n`;
  if (encoding === 'base64') return headers + Buffer.from(message, 'latin1').toString('base64');
  if (encoding === 'quoted-printable') return headers + message.replaceAll('=', '=3D');
  return headers + message;
}

const REPORT = 'Content-Type: text/plain\r\n\r\nSender: 16175550102';

function parse(message: string) {
  return parseItem(joinBytes(message), { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' });
}

describe('a journal envelope', () => {
  for (const encoding of ['', '7bit', 'base64', 'quoted-printable']) {
    test(`gives the original inside, headers, times, people and files (${encoding || 'no encoding named'})`, async () => {
      const item = await parse(envelope([REPORT, wrapped(ORIGINAL, encoding)]));
      assert.equal(item.subject, 'the original');
      assert.equal(item.archiveMessageId, 's-0012');
      assert.equal(item.sentAt, '2026-11-22T13:30:00.000Z');
      assert.equal(item.body.content, 'wrapped');
      assert.deepEqual(
        item.participants.map(({ address }) => address),
        ['ben.okoro@contoso.example'],
      );
      assert.deepEqual(
        item.attachments.map(({ name }) => name),
        ['a.png'],
      );
      assert.equal(item.headerBlock, ORIGINAL.slice(0, ORIGINAL.indexOf('\r\n\r\n') + 2));
    });
  }

  test('gives the original where it is the whole content, or lies deeper in the envelope', async () => {
    assert.equal((await parse(`Subject: Journal\r\n${wrapped(ORIGINAL)}`)).archiveMessageId, 's-0012');
    const inner = `Content-Type: multipart/mixed; boundary=k\r\n\r\n--k\r\n${wrapped(ORIGINAL)}\r\n--k--`;
    assert.equal((await parse(envelope([REPORT, inner]))).archiveMessageId, 's-0012');
  });

  test('in an envelope is taken off as well, a third one is not', async () => {
    const once = envelope([REPORT, wrapped(ORIGINAL)]);
    const twice = envelope([REPORT, wrapped(once)], '', 'k');
    const thrice = envelope([REPORT, wrapped(twice)], '', 'l');
    assert.equal((await parse(twice)).archiveMessageId, 's-0012');
    const item = await parse(thrice);
    assert.equal(item.archiveMessageId, undefined);
    assert.deepEqual(
      item.attachments.map(({ content }) => Buffer.from(content).toString('latin1')),
      [twice],
    );
  });

  test('loses no file that lies beside the original', async () => {
    const extra = 'Content-Type: application/pdf; name=extra.pdf\r\n\r\npdf';
    const item = await parse(envelope([REPORT, wrapped(ORIGINAL), extra, wrapped('Subject: another\r\n\r\nx')]));
    assert.equal(item.archiveMessageId, 's-0012');
    assert.deepEqual(
      item.attachments.map(({ name }) => name),
      ['a.png', 'extra.pdf', 'attachment-3.eml'],
    );
  });

  test('is none where it has TeleMessage headers itself: a forwarded item inside a chat is an attachment', async () => {
    const item = await parse(envelope([REPORT, wrapped(ORIGINAL)], 'X-TeleMessage-MessageType: Chat\r\n'));
    assert.equal(item.subject, 'Journal: SMS');
    assert.deepEqual(
      item.attachments.map(({ content }) => Buffer.from(content).toString('latin1')),
      [ORIGINAL],
    );
  });

  test('is none where no message inside is from TeleMessage, or two are', async () => {
    assert.equal((await parse(envelope([REPORT, wrapped('Subject: a mail\r\n\r\nx')]))).subject, 'Journal: SMS');
    const two = await parse(envelope([wrapped(ORIGINAL), wrapped(ORIGINAL)]));
    assert.equal(two.subject, 'Journal: SMS');
    assert.equal(two.attachments.length, 2);
  });
});

describe('a deletion', () => {
  const subjects: [string, string | undefined][] = [
    ['DELETED – READ – SMS from 16175550101', 'read'],
    ['DELETED – UNREAD – SMS from 16175550101', 'unread'],
    ['DELETED - UNKNOWN - SMS', 'unknown'],
    ['deleted — read — SMS', 'read'],
    ['DELETED For Me - UNKNOWN - WhatsApp Message', 'for-me unknown'],
    ['DELETED For All - UNKNOWN', 'for-all unknown'],
    ['Deleted for everyone – unknown', 'for-everyone unknown'],
    ['DELETED â€“ READ â€“ SMS', 'read'],
    ['DELETED – SMS from 16175550101', ''],
    ['SMS from 16175550101 to 16175550102', undefined],
    ['Chat message from 1 to DELETED – READ –', undefined],
    ['Undeleted – READ – SMS', undefined],
    ['Deleted scenes - unknown footage', undefined],
  ];
  for (const [subject, kind] of subjects) {
    test(`is ${kind === undefined ? 'not ' : ''}recognised by the subject "${subject}"`, async () => {
      const item = await parse(`Subject: =?utf-8?B?${Buffer.from(subject).toString('base64')}?=\n\nx`);
      assert.equal(item.isDeletion, kind !== undefined);
      assert.equal(item.deletionKind, kind);
    });
  }

  test('is recognised by its status header, in any case', async () => {
    assert.equal((await parse('Subject: SMS\nx-telemessage-STATUS: deleted\n\nx')).isDeletion, true);
    assert.equal((await parse('Subject: SMS\nX-TELEMESSAGE-Status: DELIVERED\n\nx')).isDeletion, false);
  });
});
