import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseItem } from '../../shared/item/parse-item.ts';
import type { ParsedItem } from '../../shared/item/parsed-item.ts';
import { limits } from '../../shared/limits.ts';
import { joinBytes } from '../corpus/make-message.ts';

/** Parses a message given as lines and bytes; texts are Latin 1. */
function parse(...pieces: (string | Uint8Array)[]): Promise<ParsedItem> {
  return parseItem(joinBytes(...pieces), { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' });
}

async function subjectOf(value: string | Uint8Array, type = 'text/plain'): Promise<string> {
  return (await parse('Subject: ', value, `\r\nContent-Type: ${type}\r\n\r\nx`)).subject;
}

async function bodyOf(charset: string, bytes: string | Uint8Array, type = 'text/plain'): Promise<string> {
  return (
    await parse(
      `Content-Type: ${type}; charset=${charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n`,
      joinBytes(bytes).toString('base64'),
    )
  ).body.content;
}

describe('the text of an item', () => {
  const texts: [string, string | Uint8Array, string][] = [
    ['utf-8', Buffer.from('Готово ✅'), 'Готово ✅'],
    ['ISO-8859-8', '\xf9\xec\xe5\xed', 'שלום'],
    ['ISO-8859-8-I', '\xf9\xec\xe5\xed', 'שלום'],
    ['windows-1255', '\xf9\xec\xe5\xed', 'שלום'],
    ['cp1255', '\xf9\xec\xe5\xed', 'שלום'],
    ['KOI8-R', '\xf0\xd2\xc9\xd7\xc5\xd4', 'Привет'],
    ['Shift_JIS', '\x82\xb1\x82\xf1', 'こん'],
    ['CP932', '\x82\xb1\x82\xf1', 'こん'],
    ['GB18030', '\xc4\xe3\xba\xc3', '你好'],
    ['UTF-7', 'Hi +BekF3AXVBd0- 1 +- 1', 'Hi שלום 1 + 1'],
    ['UTF-16', '\xff\xfe\xe9\x05\xdc\x05', 'של'],
    ['UTF-16', '\xfe\xff\x05\xe9\x05\xdc', 'של'],
    ['UTF-16', '\x00H\x00i', 'Hi'],
    ['UTF-16BE', '\x05\xe9\x05\xdc', 'של'],
    ['UTF-16LE', '\xe9\x05\xdc\x05', 'של'],
    ['UTF-16LE', '\x00\x4e\x09\x4e', '一三'],
    ['UTF-16LE', '\xfe\xff\x05\xe9', 'ש'],
    ['UTF-16BE', '\xff\xfe\xe9\x05', 'ש'],
    ['x-unknown', Buffer.from('naïve'), 'naïve'],
    ['x-unknown', 'caf\xe9 \x96', 'café –'],
    ['us-ascii', 'caf\xe9', 'café'],
    ['', Buffer.from('naïve'), 'naïve'],
  ];
  for (const [charset, bytes, expected] of texts) {
    test(`is read in ${charset || 'no charset at all'} (${joinBytes(bytes).toString('hex')})`, async () => {
      assert.equal(await bodyOf(charset, bytes), expected);
    });
  }

  test('loses control characters, which Graph refuses, and keeps tabs and line ends as LF', async () => {
    const item = await parse('Subject: a\x00b\x1bc\x7f\r\n\r\none\x00\ttwo\r\nthree\rfour\x07\n');
    assert.equal(item.subject, 'abc');
    assert.equal(item.body.content, 'one\ttwo\nthree\nfour\n');
  });

  test('is the HTML of an alternative, and the texts beside it follow in order', async () => {
    const item = await parse(
      'Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: multipart/alternative; boundary=a\n\n',
      '--a\n\nplain twin\n--a\nContent-Type: text/html\n\n<b>rich</b>\n--a--\n--m\nContent-Type: text/plain\n\n1 < 2 & 3\n--m--\n',
    );
    assert.deepEqual(item.body, { contentType: 'html', content: '<b>rich</b>\n<div>1 &lt; 2 &amp; 3</div>' });
    assert.deepEqual(item.attachments, []);
  });

  describe('of alternatives', () => {
    const html = (content: string) => `Content-Type: text/html\n\n${content}`;
    const alternative = async (...parts: string[]) =>
      (await parse('Content-Type: multipart/alternative; boundary=a\n\n', ...parts.map((part) => `--a\n${part}\n`), '--a--\n')).body;
    const mixed = (...parts: string[]) =>
      `Content-Type: multipart/mixed; boundary=m\n\n${parts.map((part) => `--m\n${part}\n`).join('')}--m--\n`;

    for (const blank of [
      '',
      ' \n',
      '<!DOCTYPE html><html><head><title>x</title><style>p { margin: 0 }</style></head><body>&nbsp;<!-- <p>x</p> --><br></body></html>',
      '<p>\u200b&#160;</p>',
    ]) {
      test(`is the plain one where the HTML shows nothing: ${JSON.stringify(blank)}`, async () => {
        const bytes = Buffer.from(html(blank).replace('html\n', 'html; charset=utf-8\n')).toString('latin1');
        assert.deepEqual(await alternative('\nREAL', bytes), { contentType: 'text', content: 'REAL' });
      });
    }

    for (const shown of ['<p>rich</p>', '<img src="https://x.example/a.png">', '<!-- never ends <p>rich', '<style>never ends <p>rich']) {
      test(`is the HTML where it may show something: ${shown}`, async () => {
        assert.deepEqual(await alternative('\nplain', html(shown)), { contentType: 'html', content: shown });
      });
    }

    test('keeps the plain text that an alternative has beside its HTML', async () => {
      const whole = '<p>rich</p>\n<div>FOOTNOTE</div>';
      assert.equal((await alternative(mixed(html('<p>rich</p>'), '\nFOOTNOTE'))).content, whole);
      assert.equal((await alternative('\nplain', mixed(html('<p>rich</p>'), '\nFOOTNOTE'))).content, whole);
    });

    test('is the plain one where the HTML is too long to be shown, which is attached', async () => {
      const { content } = await alternative('\nplain', html('x'.repeat(limits.inlineBodyBytes + 1)));
      assert.match(content, /^plain\nA text of this message .+ message-body\.html\.$/);
    });
  });

  test('is joined from several plain parts', async () => {
    const item = await parse('Content-Type: multipart/mixed; boundary=m\n\n--m\n\none\n--m\n\ntwo\n--m--\n');
    assert.deepEqual(item.body, { contentType: 'text', content: 'one\ntwo' });
  });

  test('is not lost where a multipart has no boundary or its boundary never comes', async () => {
    assert.equal((await parse('Content-Type: multipart/mixed\n\nhello')).body.content, 'hello');
    assert.equal((await parse('Content-Type: multipart/mixed; boundary=b\n\nhello')).body.content, 'hello');
  });

  test('is not lost where a multipart never ends, is cut in a header, or closes with the boundary of the outer one', async () => {
    assert.equal((await parse('Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello')).body.content, 'hello');
    const cut = await parse('Content-Type: multipart/mixed; boundary=b\n\n--b\nX-Cut: 1\n--b\n\nhello\n--b--');
    assert.equal(cut.body.content, 'X-Cut: 1\nhello');
    const inner = 'Content-Type: multipart/mixed; boundary=i\n\n--i\n\none\n';
    assert.equal((await parse(`Content-Type: multipart/mixed; boundary=o\n\n--o\n${inner}--o\n\ntwo\n--o--`)).body.content, 'one\ntwo');
  });

  test('is not lost where a part has no empty line', async () => {
    const item = await parse('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nNote: bring milk\r\n--b\r\n\r\ntwo\r\n--b--');
    assert.equal(item.body.content, 'Note: bring milk\ntwo');
    const last = await parse('Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n--b\r\nNote: milk');
    assert.equal(last.body.content, '\nNote: milk');
  });

  test('of a boundary with blanks behind it, a comment or quotes is found', async () => {
    for (const type of [
      'boundary="b"',
      'boundary=b (a comment; boundary=c)',
      '(unbalanced; boundary=b',
      "charset=x; boundary*=us-ascii''b",
    ]) {
      assert.equal((await parse(`Content-Type: multipart/mixed; ${type}\r\n\r\n--b \t\r\n\r\nhello\r\n--b--\r\n`)).body.content, 'hello');
    }
  });

  test('does not end at a line that only starts like the boundary', async () => {
    const item = await parse('Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bb\n--b-\ntwo\n--b--\n');
    assert.equal(item.body.content, 'one\n--bb\n--b-\ntwo');
  });

  test('undoes quoted-printable: soft breaks, blanks at line ends and what is no escape', async () => {
    const item = await parse('Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9 =\r\nau lait \t\r\n1=2 =ZZ 50=25=');
    assert.equal(item.body.content, 'café au lait\n1=2 =ZZ 50%');
  });
});

describe('the headers of an item', () => {
  test('are decoded from encoded words, split characters included', async () => {
    assert.equal(await subjectOf('=?UTF-8?Q?=E2=82?= =?UTF-8?Q?=AC?= =?iso-8859-1?B?Y2Fm6Q==?='), '€café');
  });

  test('are decoded where a character is split over words of both encodings, but not over two charsets', async () => {
    assert.equal(await subjectOf('a =?utf-8?B?4oI=?= =?UTF-8?B?rA==?= b =?utf-8?Q?=E2=82?=\r\n =?utf-8?b?rA==?='), 'a € b €');
    assert.equal(await subjectOf('=?utf-8?Q?a_b?= =?iso-8859-1?Q?=E9=3D?= =?iso-8859-1?Q?_=?='), 'a bé= =');
  });

  test('are read where they hold raw UTF-8, raw bytes of the charset of the text, or raw Latin', async () => {
    assert.equal(await subjectOf(Buffer.from('Förderung'), 'text/plain; charset=windows-1255'), 'Förderung');
    assert.equal(await subjectOf('\xf9\xec\xe5\xed', 'text/plain; charset=windows-1255'), 'שלום');
    assert.equal(await subjectOf('caf\xe9'), 'café');
  });

  test('are unfolded, of any case, and the first of two counts', async () => {
    const item = await parse('SUBJECT : one\r\n\ttwo\r\nsubject: three\r\n\r\nx');
    assert.equal(item.subject, 'one two');
  });

  for (const [name, lineEnd] of Object.entries({ CRLF: '\r\n', LF: '\n', CR: '\r', CRCRLF: '\r\r\n' })) {
    test(`are told from the body with ${name} as line end`, async () => {
      const item = await parse(['Subject: one', 'X-TELEMESSAGE-ArchiveMessageID: 1', '', 'body'].join(lineEnd));
      assert.equal(item.subject, 'one');
      assert.equal(item.archiveMessageId, '1');
      assert.equal(item.body.content.trim(), 'body');
    });
  }

  test('are told from the body with CR as line end, although the body has an LF', async () => {
    const item = await parse('Subject: one\rX-TELEMESSAGE-ArchiveMessageID: 1\r\rhello\nthere\r');
    assert.deepEqual([item.subject, item.archiveMessageId, item.body.content], ['one', '1', 'hello\nthere\n']);
  });

  test('survive a byte order mark and an mbox line before them', async () => {
    assert.equal((await parse('\xef\xbb\xbfSubject: one\n\nx')).subject, 'one');
    assert.equal((await parse('From ada Sun Nov 22 09:14:03 2026\nSubject: one\n\nx')).subject, 'one');
  });

  test('cannot be smuggled in by a bare CR', async () => {
    const item = await parse('Subject: one\rX-TELEMESSAGE-ArchiveMessageID: forged\r\n\r\nx');
    assert.equal(item.archiveMessageId, undefined);
    assert.equal(item.subject, 'one X-TELEMESSAGE-ArchiveMessageID: forged');
    assert.equal((await parse('X-TELEMESSAGE-ArchiveMessageID: 1\r2\r\n\r\nx')).archiveMessageId, '1 2');
  });

  test('give the first ArchiveMessageID that is not empty, trimmed', async () => {
    const item = await parse(
      'X-TELEMESSAGE-ArchiveMessageID: \nX-TeleMessage-archivemessageid:  2 \nX-TELEMESSAGE-ArchiveMessageID: 3\n\nx',
    );
    assert.equal(item.archiveMessageId, '2');
  });

  test('are kept as a block as they stand, without the empty line', async () => {
    const block = 'Subject: =?utf-8?Q?a?=\r\nX-Other:  two\r\n blanks \r\n';
    assert.equal((await parse(block, '\r\nbody')).headerBlock, block);
  });

  test('are kept as UTF-8 where they are, else byte by byte as Latin 1', async () => {
    assert.equal((await parse('X-A: ', Buffer.from('é'), '\n\nx')).headerBlock, 'X-A: é\n');
    assert.equal((await parse('X-A: \xe9\x00\n\nx')).headerBlock, 'X-A: é\n');
  });

  test('are cut at the end of a line where they exceed what Graph takes of one property', async () => {
    const line = `X-A: ${'é'.repeat(500)}\n`;
    const { headerBlock } = await parse(Buffer.from(line.repeat(100)), '\nx');
    assert.equal(headerBlock, line.repeat(Math.floor(limits.transportHeaderBytes / Buffer.byteLength(line))));
  });

  test('give the Message-ID only where it is well formed', async () => {
    const idOf = async (value: string) => (await parse(`Message-ID: ${value}\n\nx`)).messageId;
    assert.equal(await idOf('<89e7073266@archive.telemessage.example>'), '<89e7073266@archive.telemessage.example>');
    assert.equal(await idOf('<a@b> (a comment)'), '<a@b>');
    for (const bad of ['', 'a@b', '<a>', '<a b@c>', '<a@b', '<a@b@c>', `<${'a'.repeat(998)}@b>`])
      assert.equal(await idOf(bad), undefined, bad);
    assert.equal((await idOf(`<${'a'.repeat(994)}@b>`))?.length, 998);
  });

  test('without any, and bytes that are no message, give an empty item', async () => {
    const item = await parse('\x00\x01\x02 this is not MIME at all \xff\xfe');
    assert.deepEqual([item.subject, item.participants, item.attachments, item.headerBlock], ['', [], [], '']);
    assert.equal(item.body.content, ' this is not MIME at all ÿþ');
    assert.equal((await parse('')).body.content, '');
  });
});
