import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseItem } from '../../shared/item/parse-item.ts';
import type { ItemAttachment } from '../../shared/item/parsed-item.ts';
import { limits } from '../../shared/limits.ts';
import { joinBytes } from '../corpus/make-message.ts';

async function attachmentsOf(...pieces: (string | Uint8Array)[]): Promise<readonly ItemAttachment[]> {
  return (await parseItem(joinBytes(...pieces), { userEmailHeader: 'X' })).attachments;
}

/** The only attachment of an item whose text is followed by one part. */
async function attachmentOf(headers: string, content: string | Uint8Array): Promise<ItemAttachment> {
  const start = 'Content-Type: multipart/mixed; boundary="b b"\r\n\r\n--b b\r\n\r\ntext\r\n--b b\r\n';
  const attachments = await attachmentsOf(start, headers, '\r\n\r\n', content, '\r\n--b b--\r\n');
  assert.equal(attachments.length, 1);
  return attachments[0]!;
}

async function nameOf(headers: string | Uint8Array): Promise<string> {
  const start = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n';
  const attachments = await attachmentsOf(start, headers, '\r\n\r\nx\r\n--b--\r\n');
  assert.equal(attachments.length, 1);
  return attachments[0]!.name;
}

const CALENDAR = 'BEGIN:VCALENDAR\r\nSUMMARY:caf\xe9\r\nEND:VCALENDAR\r\n\r\n';
const EVERY_BYTE = Buffer.from(Array.from({ length: 1_024 }, (_, index) => (index * 7) % 256));

describe('an attachment arrives byte for byte', () => {
  const contents: [what: string, type: string, content: string | Uint8Array][] = [
    ['a calendar that is no UTF-8', 'text/calendar; charset=iso-8859-1; method=REQUEST', CALENDAR],
    ['a calendar as application/ics', 'application/ics', CALENDAR],
    ['a contact with LF', 'text/vcard', 'BEGIN:VCARD\nFN:Ada\nEND:VCARD'],
    ['a text in windows-1255 with all line ends', 'text/plain; charset=windows-1255', 'one\r\ntwo\nthree\rfour\xf9\xec\r\n\r\n'],
    ['a text in UTF-16', 'text/plain; charset=utf-16', '\xff\xfeH\x00i\x00\r\x00\n\x00'],
    ['a web page', 'text/html', '<p>\r\n</p>\n'],
    ['a table', 'text/csv', 'a,b\r\n1,2'],
    ['TNEF', 'application/ms-tnef', '\x78\x9f\x3e\x22\x00\x0d\x0a'],
    ['S/MIME', 'application/pkcs7-mime; smime-type=enveloped-data', '0\x82\x01\x00\x06\x09'],
    ['a delivery report', 'message/delivery-status', 'Reporting-MTA: dns; a\r\n\r\nStatus: 5.0.0\r\n'],
    ['nothing at all', 'application/octet-stream', ''],
    ['a type that is none', 'rubbish; name=a', 'x'],
  ];
  for (const [what, type, content] of contents) {
    const headers = `Content-Type: ${type}\r\nContent-Disposition: attachment; filename=a.bin`;
    for (const encoding of ['7bit', '8bit', 'binary', 'x-unheard-of']) {
      test(`${what}, as ${encoding}`, async () => {
        const attachment = await attachmentOf(`${headers}\r\nContent-Transfer-Encoding: ${encoding}`, content);
        assert.deepEqual(Buffer.from(attachment.content), joinBytes(content));
      });
    }
    test(`${what}, as base64`, async () => {
      const base64 = joinBytes(content).toString('base64').replace(/.{20}/g, '$&\r\n');
      const attachment = await attachmentOf(`${headers}\r\nContent-Transfer-Encoding: BASE64`, base64);
      assert.deepEqual(Buffer.from(attachment.content), joinBytes(content));
    });
    test(`${what}, as quoted-printable`, async () => {
      const quoted = joinBytes(content)
        .toString('hex')
        .replace(/../g, (hex) => `=${hex.toUpperCase()}`)
        .replace(/.{60}/g, '$&=\r\n');
      const attachment = await attachmentOf(`${headers}\r\nContent-Transfer-Encoding: Quoted-Printable`, quoted);
      assert.deepEqual(Buffer.from(attachment.content), joinBytes(content));
    });
  }

  test('with every byte in it, as binary and as base64 of one line', async () => {
    assert.deepEqual(
      Buffer.from((await attachmentOf('Content-Type: image/png\r\nContent-Transfer-Encoding: binary', EVERY_BYTE)).content),
      EVERY_BYTE,
    );
    const inBase64 = await attachmentOf('Content-Type: image/png\r\nContent-Transfer-Encoding: base64', EVERY_BYTE.toString('base64'));
    assert.deepEqual(Buffer.from(inBase64.content), EVERY_BYTE);
  });

  test('from base64 that is padded on every line or has rubbish between the lines', async () => {
    const headers = 'Content-Type: image/png\r\nContent-Transfer-Encoding: base64';
    assert.equal(Buffer.from((await attachmentOf(headers, 'YQ==\r\nYmM=\r\nZGVm')).content).toString(), 'abcdef');
    assert.equal(Buffer.from((await attachmentOf(headers, 'YWJ!\r\n-_*\r\nj')).content).toString(), 'abc');
  });

  test('where it is a forwarded mail, which is not looked into', async () => {
    const mail = 'Subject: forwarded\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nhello\r\n--i\r\n\r\nx\r\n--i--\r\n\r\n';
    const raw = 'X-TELEMESSAGE-MessageType: Chat\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n';
    const item = await parseItem(joinBytes(raw, 'Content-Type: message/rfc822\r\n\r\n', mail, '\r\n--b--'), { userEmailHeader: 'X' });
    assert.deepEqual(
      item.attachments.map(({ name, contentType, content }) => [name, contentType, Buffer.from(content).toString()]),
      [['attachment-1.eml', 'message/rfc822', mail]],
    );
    assert.equal(item.body.content, 'text');
  });

  test('where it is a message of a digest', async () => {
    const digest = 'Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nx\n--b\n\nSubject: two\n\ny\n--b--';
    const contents = (await attachmentsOf(digest)).map(({ content }) => Buffer.from(content).toString());
    assert.deepEqual(contents, ['Subject: one\n\nx', 'Subject: two\n\ny']);
  });

  test('as the only content of an item', async () => {
    const [attachment] = await attachmentsOf('Content-Type: audio/amr\n\n#!AMR\r\n');
    assert.deepEqual([attachment?.name, Buffer.from(attachment!.content).toString()], ['attachment-1.amr', '#!AMR\r\n']);
  });

  test('behind a closing delimiter that came too early, where other text is attached too', async () => {
    const start = 'Content-Type: multipart/mixed; boundary=b\r\n\r\nold preamble\r\n--b\r\n\r\ntext\r\n--b--\r\n';
    const attachments = await attachmentsOf(start, '--b\r\nContent-Type: image/png\r\n\r\nlate\r\n--b--\r\n\r\n', 'footer\r\n');
    assert.deepEqual(
      attachments.map(({ name, content }) => [name, Buffer.from(content).toString()]),
      [
        ['attachment-1.png', 'late'],
        ['epilogue.txt', '\r\nfooter\r\n'],
      ],
    );
  });

  test('in its place, also where two have one name', async () => {
    const part = (content: string) => `--b\r\nContent-Type: image/png; name=a.png\r\n\r\n${content}\r\n`;
    const attachments = await attachmentsOf(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${part('one')}${part('two')}--b--`);
    assert.deepEqual(
      attachments.map(({ name, content }) => [name, Buffer.from(content).toString()]),
      [
        ['a.png', 'one'],
        ['a.png', 'two'],
      ],
    );
  });
});

describe('a text is an attachment', () => {
  test('where it is called one or has a file name, also inline', async () => {
    assert.equal((await attachmentOf('Content-Type: text/plain\r\nContent-Disposition: attachment', 'x')).name, 'attachment-1.txt');
    assert.equal((await attachmentOf('Content-Disposition: inline; filename=notes.txt', 'x')).name, 'notes.txt');
  });

  test('where it only has a name and is not the first text', async () => {
    assert.equal((await attachmentOf('Content-Type: text/plain; name=notes.txt', 'x')).name, 'notes.txt');
    const mms = 'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; name=text_0.txt\n\nhello\n--b--';
    const item = await parseItem(joinBytes(mms), { userEmailHeader: 'X' });
    assert.deepEqual([item.body.content, item.attachments.length], ['hello', 0]);
  });
});

describe('an attachment is shown inline', () => {
  const message = (html: string, disposition: string) =>
    attachmentsOf(
      `Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n${html}\n--b\nContent-Type: image/png\n`,
      `Content-ID: <pic 1@x>\nContent-Disposition: ${disposition}\n\nx\n--b\nContent-Type: image/png\nContent-ID: <pic%1@x>\n`,
      `Content-Disposition: ${disposition}\n\nx\n--b--`,
    );

  test('only where the HTML refers to it, or mail programs would hide what nobody sees', async () => {
    const shown = async (html: string, disposition: string) => (await message(html, disposition)).map(({ isInline }) => isInline);
    assert.deepEqual(await shown('<img src="cid:pic%251@x">', 'inline'), [false, true]);
    assert.deepEqual(await shown('<img src=cid:pic%251@x>', 'attachment'), [false, false]);
    assert.deepEqual(await shown('<p>no picture</p>', 'inline'), [false, false]);
    assert.equal((await message('', 'inline'))[1]?.contentId, 'pic%1@x');
    assert.equal((await message('', 'inline'))[0]?.contentId, undefined, 'a Content-ID with a blank is none');
  });
});

describe('the name of an attachment', () => {
  const names: [what: string, headers: string | Uint8Array, expected: string][] = [
    ['a plain one', 'Content-Disposition: attachment; filename=a.txt', 'a.txt'],
    ['one with a comment and parentheses', 'Content-Disposition: attachment (x); filename=Invoice(1).pdf', 'Invoice(1).pdf'],
    ['a quoted one', 'Content-Disposition: attachment; filename="a \\"b\\"; c.txt"', 'a _b_; c.txt'],
    ['characters that Windows refuses', 'Content-Disposition: attachment; filename="a.png:evil*?<>|.exe"', 'a.png_evil_____.exe'],
    ['a device', 'Content-Disposition: attachment; filename="CON"', '_CON'],
    ['a device with an extension', 'Content-Disposition: attachment; filename="nul .txt"', '_nul .txt'],
    ['a word that starts like a device', 'Content-Disposition: attachment; filename="console.txt"', 'console.txt'],
    [
      'characters without width alone',
      "Content-Type: image/png\r\nContent-Disposition: attachment; filename*=utf-8''%C2%A0%E2%80%8B%EF%BB%BF",
      'attachment-1.png',
    ],
    ['characters without width at the end', "Content-Disposition: attachment; filename*=utf-8''a.png%EF%BB%BF%E2%80%8B", 'a.png'],
    ['encoded words that split a character', 'Content-Disposition: attachment; filename="=?utf-8?B?4oI=?= =?utf-8?B?rA==?=.png"', '€.png'],
    ['the name of the type', 'Content-Type: image/png; name=a.png', 'a.png'],
    [
      'that of the disposition before that of the type',
      'Content-Type: image/png; name=a\r\nContent-Disposition: attachment; filename=b',
      'b',
    ],
    ['encoded words', 'Content-Disposition: attachment; filename="=?utf-8?B?w6kucG5n?="', 'é.png'],
    ['RFC 2231', "Content-Disposition: attachment; filename*=iso-8859-8'he'%F9%EC.txt", 'של.txt'],
    ['RFC 2231 before the plain one', "Content-Disposition: attachment; filename=plain; filename*=utf-8''%C3%A9", 'é'],
    [
      'RFC 2231 in sections out of order, with a character split over two',
      'Content-Disposition: attachment; filename*2=".p%41f";\r\n filename*0*=utf-8\'\'a%C3; filename*1*=%A9',
      'aé.p%41f',
    ],
    ['RFC 2231 in an unknown charset', "Content-Disposition: attachment; filename*=x-none''%E9.txt", 'é.txt'],
    ['raw UTF-8', Buffer.from('Content-Disposition: attachment; filename="é.txt"'), 'é.txt'],
    ['a path', 'Content-Disposition: attachment; filename="../../etc/passwd"', '.._.._etc_passwd'],
    ['a Windows path', "Content-Disposition: attachment; filename*=utf-8''..%5C..%5Cevil%E2%80%AEgnp.exe", '.._.._evilgnp.exe'],
    ['bidirectional marks', "Content-Disposition: attachment; filename*=utf-8''%E2%81%A6a%E2%81%A9%D8%9C.txt", 'a.txt'],
    ['control characters', "Content-Disposition: attachment; filename*=utf-8''a%00b%0D%0Ac%C2%85.txt", 'ab c.txt'],
    ['dots and blanks at the end', 'Content-Disposition: attachment; filename="a.exe. . "', 'a.exe'],
    ['an empty one', 'Content-Type: image/jpeg\r\nContent-Disposition: attachment; filename=""', 'attachment-1.jpg'],
    ['dots alone', 'Content-Type: text/vcard\r\nContent-Disposition: attachment; filename=".."', 'attachment-1.vcf'],
    ['slashes alone', 'Content-Type: x/unknown\r\nContent-Disposition: attachment; filename="///"', 'attachment-1'],
  ];
  for (const [what, headers, expected] of names) {
    test(`is read from ${what}`, async () => assert.equal(await nameOf(headers), expected));
  }

  test('is cut without its extension and without half a character', async () => {
    const name = await nameOf(`Content-Disposition: attachment; filename*=utf-8''x${'%F0%9F%9A%80'.repeat(200)}.jpeg`);
    assert.ok(name.length <= limits.fileNameCharacters && name.length >= limits.fileNameCharacters - 1);
    assert.ok(name.startsWith('x🚀'));
    assert.ok(name.endsWith('🚀.jpeg'));
  });

  test('has whole characters where a very long one is cut before it is decoded', async () => {
    for (const start of ['a', 'ab']) {
      const long = `${start}${'b'.repeat(limits.fileNameCharacters * 64 - 10)}.${'😀'.repeat(20)}`;
      assert.match(await nameOf(Buffer.from(`Content-Disposition: attachment; filename="${long}"`)), /^ab+\.(?:😀)+$/u);
    }
  });
});
