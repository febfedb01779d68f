/**
 * Messages that attack a parser, each made by a formula: the same bytes in every run, and nothing to store.
 *
 * All are of Ada of the sample day, so that what parses is also imported. Each ends `imported`, or `parked` with the reason given.
 *
 * @module
 */
import { awkwardMessages } from './awkward-messages.ts';
import { joinBytes, item, part, type HostileMessage } from './make-message.ts';

export type { HostileMessage } from './make-message.ts';

const KB = 1024;
const MB = KB * KB;
/** 10 MB as people count them: the whole item stays below MAX_ITEM_BYTES. */
const LINE = 10_000_000;

function nestedMultiparts(depth: number): string {
  let inner = part('Content-Type: text/plain', 'the bottom');
  for (let level = depth; level >= 1; level--) {
    inner = `Content-Type: multipart/mixed; boundary="b${level}"\r\n\r\n--b${level}\r\n${inner}\r\n--b${level}--\r\n`;
  }
  return inner;
}

function nestedMessages(depth: number): string {
  return `${'Content-Type: message/rfc822\r\n\r\n'.repeat(depth)}Subject: the bottom\r\n\r\nhello`;
}

function mixed(parts: string): string {
  return `Content-Type: multipart/mixed; boundary=b\r\n\r\n${parts}\r\n--b--\r\n`;
}

const floods: readonly HostileMessage[] = [
  { name: '1,000 nested multiparts', expect: 'parked', reason: 'unreadable', bytes: () => item(nestedMultiparts(1_000)) },
  { name: '60 nested multiparts', expect: 'imported', bytes: () => item(nestedMultiparts(60)) },
  { name: '20,000 nested messages', expect: 'imported', bytes: () => item(nestedMessages(20_000)) },
  {
    name: '20,000 nested messages without TeleMessage headers',
    expect: 'imported',
    bytes: () => item(nestedMessages(20_000), { isArchived: false }),
  },
  { name: '100,000 short headers', expect: 'imported', bytes: () => item(`${'X-A: b\r\n'.repeat(100_000)}\r\nhello`) },
  {
    name: '100,000 long headers',
    expect: 'parked',
    reason: 'unreadable',
    bytes: () => item(`${`X-Flood: ${'x'.repeat(30)}\r\n`.repeat(100_000)}\r\nhello`),
  },
  { name: 'a header folded 100,000 times', expect: 'imported', bytes: () => item(`X-Folded: a\r\n${'\tb\r\n'.repeat(100_000)}\r\nhello`) },
  {
    name: 'a header line of 10 MB',
    expect: 'parked',
    reason: 'unreadable',
    bytes: () => item(`X-Long: ${'x'.repeat(LINE)}\r\n\r\nhello`),
  },
  {
    name: 'headers of many parts, 3 MB together',
    expect: 'parked',
    reason: 'unreadable',
    bytes: () => item(mixed(`--b\r\nX-A: ${'x'.repeat(3_000)}\r\n\r\nx\r\n`.repeat(1_000))),
  },
  { name: '100,000 empty parts', expect: 'parked', reason: 'unreadable', bytes: () => item(mixed('--b\r\n'.repeat(100_000))) },
  {
    name: '1,000,000 closing delimiters with text behind',
    expect: 'parked',
    reason: 'unreadable',
    bytes: () => item(mixed('--b--\r\nx\r\n'.repeat(900_000))),
  },
  { name: '1,000,000 closing delimiters', expect: 'imported', bytes: () => item(mixed('--b--\r\n'.repeat(MB))) },
  { name: '1,500 small parts', expect: 'imported', bytes: () => item(mixed(`--b\r\nContent-Type: image/png\r\n\r\nx\r\n`.repeat(1_500))) },
  {
    name: '1,500 alternatives',
    expect: 'imported',
    bytes: () => item(mixed(`--b\r\nContent-Type: text/plain\r\n\r\nx\r\n`.repeat(1_500)).replace('mixed', 'alternative')),
  },
  { name: 'a body line of 10 MB', expect: 'imported', bytes: () => item(part('Content-Type: text/plain', 'x'.repeat(LINE))) },
  { name: '3,000,000 empty lines', expect: 'imported', bytes: () => item(part('Content-Type: text/plain', '\r\n'.repeat(3_000_000))) },
  {
    name: '3,000,000 lines that start like a delimiter',
    expect: 'imported',
    bytes: () => item(mixed(`--b\r\n\r\n${'--\n'.repeat(3_000_000)}`)),
  },
  // Just short enough to be looked at: does the HTML show anything?
  ...['<style>', '<!--', '<p ', '&nbsp;', ' ', 'a'].map((words): HostileMessage => {
    const html = `${words === 'a' ? '<' : ''}${words.repeat((MB - 8) / words.length)}`;
    return {
      name: `1 MB of ${words} as the HTML of an alternative`,
      expect: 'imported',
      bytes: () => item(mixed(`--b\r\n\r\nx\r\n--b\r\n${part('Content-Type: text/html', html)}`).replace('mixed', 'alternative')),
    };
  }),
  { name: '10 MB of dashes', expect: 'imported', bytes: () => item(mixed(`--b\r\n\r\n${'-'.repeat(LINE)}`)) },
  {
    name: 'a boundary of 60 KB and lines that differ from it in the last character',
    expect: 'imported',
    bytes: () => item(`Content-Type: multipart/mixed; boundary=${'b'.repeat(60_000)}\r\n\r\n${`--${'b'.repeat(59_999)}c\r\n`.repeat(150)}`),
  },
  {
    name: '60 nested boundaries, each the start of the next',
    expect: 'imported',
    bytes: () => {
      const boundaries = Array.from({ length: 60 }, (_, level) => 'b'.repeat(level + 1));
      return item(
        `${boundaries.map((boundary) => `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n--${boundary}\r\n`).join('')}\r\n${`--${'b'.repeat(61)}\r\n`.repeat(100_000)}`,
      );
    },
  },
  {
    name: '10 MB of base64 in one line',
    expect: 'imported',
    bytes: () => item(part('Content-Type: image/png\r\nContent-Transfer-Encoding: base64', 'QUJD'.repeat(LINE / 4))),
  },
  {
    name: '10 MB of base64 padded everywhere',
    expect: 'imported',
    bytes: () => item(part('Content-Type: image/png\r\nContent-Transfer-Encoding: base64', 'QQ=='.repeat(LINE / 4))),
  },
  {
    name: '10 MB that is no base64',
    expect: 'imported',
    bytes: () => item(part('Content-Type: image/png\r\nContent-Transfer-Encoding: base64', '!?-_'.repeat(LINE / 4))),
  },
  {
    name: '10 MB of equals signs as quoted-printable',
    expect: 'imported',
    bytes: () => item(part('Content-Transfer-Encoding: quoted-printable', '='.repeat(LINE))),
  },
  {
    name: '10 MB of soft line breaks with blanks',
    expect: 'imported',
    bytes: () => item(part('Content-Transfer-Encoding: quoted-printable', `= ${' '.repeat(1_000)}`.repeat(9_000))),
  },
  { name: '10 MB of NULs', expect: 'imported', bytes: () => joinBytes(item(part('Content-Type: text/plain', '')), Buffer.alloc(LINE)) },
  {
    name: '10 MB of HTML full of cid references',
    expect: 'imported',
    bytes: () => item(part('Content-Type: text/html', 'cid:a%4 '.repeat(LINE / 8))),
  },
];

const addresses: readonly HostileMessage[] = [
  {
    name: '1,400 recipients',
    expect: 'imported',
    bytes: () => item('\r\nhello', { headers: [`Cc: ${Array.from({ length: 1_400 }, (_, n) => `a${n}@elsewhere.example`).join(', ')}`] }),
  },
  {
    name: '50,000 recipients',
    expect: 'parked',
    reason: 'too-many-participants',
    bytes: () => item('\r\nhello', { headers: [`Cc: ${Array.from({ length: 50_000 }, (_, n) => `a${n}@elsewhere.example`).join(', ')}`] }),
  },
  {
    name: '1,000 recipients in each of To and Cc and as many in the property',
    expect: 'parked',
    reason: 'too-many-participants',
    bytes: () =>
      item('\r\nhello', {
        headers: ['To', 'Cc', 'X-TELEMESSAGE-UserEmailAddress'].map(
          (name) => `${name}: ${Array.from({ length: 1_000 }, (_, n) => `${name}${n}@elsewhere.example`).join('; ')}`,
        ),
      }),
  },
  {
    name: 'a display name of 1 MB',
    expect: 'imported',
    bytes: () => item('\r\nhello', { headers: [`To: "${'x'.repeat(MB)}" <b@elsewhere.example>`] }),
  },
  {
    name: 'a display name of 1 MB of digits and blanks',
    expect: 'imported',
    bytes: () => item('\r\nhello', { headers: [`To: ${'1 (0)-.'.repeat(MB / 8)} <b@elsewhere.example>`] }),
  },
  { name: 'an address of 1 MB', expect: 'imported', bytes: () => item('\r\nhello', { headers: [`To: <${'a@'.repeat(MB / 2)}>`] }) },
  { name: 'a nest of 500,000 groups', expect: 'imported', bytes: () => item('\r\nhello', { headers: [`To: ${'a:'.repeat(500_000)};`] }) },
  // Without a semicolon no colon ends a name: the entry grows to the end, and work at each colon takes 80 s.
  ...['a:', 'aa :', 'a:(', '"a:', '<a:', 'aa :"(<', '\\"', '(a)<1>:', 'a "', 'a<'].map((signs): HostileMessage => ({
    name: `1 MB of ${signs} without a semicolon`,
    expect: 'imported',
    bytes: () => item('\r\nhello', { headers: [`To: ${signs.repeat(MB / signs.length)}`] }),
  })),
  {
    name: '1 MB of names that swallow an address',
    expect: 'parked',
    reason: 'too-many-participants',
    bytes: () => item('\r\nhello', { headers: [`To: ${'("<a@b.example> '.repeat(MB / 16)}`] }),
  },
  { name: 'a quote that never ends', expect: 'imported', bytes: () => item('\r\nhello', { headers: [`To: "${'\\"'.repeat(500_000)}`] }) },
  { name: '1,000,000 opening brackets', expect: 'imported', bytes: () => item('\r\nhello', { headers: [`To: ${'<'.repeat(MB)}`] }) },
  { name: 'comments nested 500,000 deep', expect: 'imported', bytes: () => item('\r\nhello', { headers: [`To: ${'('.repeat(500_000)}`] }) },
  { name: '1,000,000 commas', expect: 'imported', bytes: () => item('\r\nhello', { headers: [`To: ${','.repeat(MB)}`] }) },
  {
    name: 'a name of 100,000 encoded words',
    expect: 'imported',
    bytes: () => item('\r\nhello', { headers: [`To: ${'=?utf-8?B?YWFh?= '.repeat(100_000)} <b@elsewhere.example>`] }),
  },
];

const fields: readonly HostileMessage[] = [
  {
    name: 'a subject of 100,000 encoded words',
    expect: 'imported',
    bytes: () => item('\r\nhello', { headers: [`Subject: ${'=?utf-8?B?YWFh?= '.repeat(100_000)}`] }),
  },
  { name: 'a date of 1 MB', expect: 'imported', bytes: () => item('\r\nhello', { headers: [`Date: ${'1 Jan ('.repeat(MB / 7)}`] }) },
  {
    name: 'a Message-ID of 1 MB',
    expect: 'imported',
    bytes: () => item('\r\nhello', { headers: [`Message-ID: <${'a@'.repeat(MB / 2)}>`] }),
  },
  {
    name: 'a content type with 100,000 parameters',
    expect: 'imported',
    bytes: () => item(part(`Content-Type: text/plain${';a=b'.repeat(100_000)}`, 'hello')),
  },
  {
    name: 'a content type of 1 MB of comments',
    expect: 'imported',
    bytes: () => item(part(`Content-Type: text/plain ${'('.repeat(MB)}`, 'hello')),
  },
  {
    name: 'a transfer encoding of 1 MB of comments',
    expect: 'imported',
    bytes: () => item(part(`Content-Transfer-Encoding: ${'('.repeat(MB)}`, 'hello')),
  },
  {
    name: 'a file name in 10,000 sections',
    expect: 'imported',
    bytes: () =>
      item(part(`Content-Type: image/png;\r\n${Array.from({ length: 10_000 }, (_, n) => ` name*${n}*=%41;`).join('\r\n')}`, 'x')),
  },
  {
    name: 'a file name of 1 MB',
    expect: 'imported',
    bytes: () => item(part(`Content-Disposition: attachment; filename="${'../'.repeat(MB / 3)}"`, 'x')),
  },
  {
    name: 'a charset of 1 MB',
    expect: 'imported',
    bytes: () => item(part(`Content-Type: text/plain; charset="${'x'.repeat(MB)}"`, 'hello')),
  },
  {
    name: 'headers named like object properties',
    expect: 'imported',
    bytes: () => item('__proto__: a\r\nconstructor: b\r\ntoString: c\r\nContent-Type: text/plain; __proto__=a; constructor=b\r\n\r\nhello'),
  },
];

/** All hostile messages. */
export const hostileMessages: readonly HostileMessage[] = [...floods, ...addresses, ...fields, ...awkwardMessages];
