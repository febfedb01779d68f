/**
 * Messages that are odd rather than large: charsets, line ends, file names, broken structure.
 *
 * @module
 */
import { joinBytes, item, part, type HostileMessage } from './make-message.ts';

const SHALOM_WINDOWS_1255 = '\xf9\xec\xe5\xed';

/** Texts in charsets of the field, as bytes. */
const charsets: readonly (readonly [charset: string, body: string])[] = [
  ['ISO-8859-8', SHALOM_WINDOWS_1255],
  ['ISO-8859-8-I', SHALOM_WINDOWS_1255],
  ['windows-1255', SHALOM_WINDOWS_1255],
  ['KOI8-R', '\xf0\xd2\xc9\xd7\xc5\xd4'],
  ['Shift_JIS', '\x82\xb1\x82\xf1'],
  ['GB18030', '\xc4\xe3\xba\xc3'],
  ['UTF-7', 'Hi +BdQF0wUg-'],
  ['UTF-16', '\xff\xfeH\x00i\x00'],
  ['UTF-16BE', '\x00H\x00i'],
  ['UTF-16LE', 'H\x00\x00\xd8i\x00'],
  ['UTF-32', 'H\x00\x00\x00'],
  ['x-no-such-charset', 'caf\xe9'],
  ['utf-8', 'not \xff\xfe utf-8 \xc3'],
  ['', '\x80\x81\x82'],
];

const fileNames: readonly (readonly [what: string, parameters: string])[] = [
  ['empty', 'filename=""'],
  ['only dots', 'filename=".."'],
  ['a path', 'filename="../../etc/passwd"'],
  ['a Windows path', 'filename="C:\\\\Windows\\\\System32\\\\evil.dll"'],
  ['turned around', "filename*=utf-8''evil%E2%80%AEgnp.exe"],
  ['with NUL and line breaks', "filename*=utf-8''a%00b%0D%0AX-Injected%3A%20yes"],
  ['in an unknown charset', "filename*=x-none''%E9%FF"],
  ['with broken percent signs', "filename*=utf-8''%%4%zz%"],
  ['in encoded words', 'filename="=?utf-8?B?8J+agA==?=.png"'],
  ['in broken encoded words', 'filename="=?utf-8?B?!!!?= =?x?Q?=ZZ?="'],
  ['of a device', 'filename="CON"'],
  ['with a surrogate at the cut', `filename*=utf-8''${'%F0%9F%9A%80'.repeat(200)}.png`],
];

const structures: readonly (readonly [what: string, rest: string])[] = [
  ['no body', ''],
  ['no empty line before the end', 'X-Last: 1'],
  ['a multipart that never ends', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello'],
  ['a multipart whose boundary never comes', 'Content-Type: multipart/mixed; boundary=b\r\n\r\nhello'],
  ['a multipart without a boundary', 'Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nhello'],
  ['a multipart that is closed first', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n--b\r\n\r\nhello'],
  [
    'an inner multipart with the boundary of the outer one',
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--\r\n--b--',
  ],
  [
    'a part that ends inside its headers',
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n--b\r\n\r\nhello\r\n--b--',
  ],
  [
    'a part behind the closing delimiter',
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b--\r\n--b\r\nContent-Type: image/png\r\n\r\nhello\r\n--b--',
  ],
  [
    'a part behind the closing delimiter of an inner multipart',
    'Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b--\r\n--b\r\n\r\nhello\r\n--o--',
  ],
  ['text behind the closing delimiter', 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b--\r\nhello\r\n'],
  ['text before a multipart that only closes', 'Content-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\n--b--'],
  ['two content types', 'Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b--'],
  ['a content type that is none', 'Content-Type: ;;;=\r\n\r\nhello'],
  [
    'a base64 multipart',
    'Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\nLS1iDQoNCmhlbGxvDQotLWItLQ==',
  ],
  ['text that is no base64', 'Content-Transfer-Encoding: base64\r\n\r\n*** hello ***'],
  ['base64 that breaks off', 'Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJDR'],
  ['quoted-printable that breaks off', 'Content-Transfer-Encoding: quoted-printable\r\n\r\nhello =\r\n=4'],
  ['a transfer encoding that nobody knows', 'Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend'],
  ['TNEF', 'Content-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\neJ8+IgEAAQAAAA=='],
  [
    'S/MIME, encrypted',
    'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIBAAYJKoZI',
  ],
  [
    'S/MIME, signed',
    'Content-Type: multipart/signed; boundary=b; protocol="application/pkcs7-signature"\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIBAAYJ\r\n--b--',
  ],
  ['a message as the whole content', 'Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nhello'],
  ['a digest', 'Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: inner\r\n\r\nhello\r\n--b--'],
  ['an absurd date', 'Date: Mon, 99 Foo 99999 99:99:99 +9999\r\n\r\nhello'],
  ['an address list of rubbish', 'To: ,;:<>@"(\r\nCc: <<>>, @, a@, @b, "" <>, =?utf-8?Q?=00?= <a@b>\r\n\r\nhello'],
  ['a bare CR inside a header', 'Subject: one\rX-Injected: yes\r\n\r\nhello'],
  ['control characters everywhere', 'Subject: a\x00\x01\x1b\x7fb\r\n\r\nhello\x00\x07\x1b'],
];

function bytesOf(name: string, make: () => Buffer): HostileMessage {
  return { name, expect: 'imported', bytes: make };
}

const BARE = 'From: ada.fields@contoso.example\nX-TELEMESSAGE-MessageType: SMS\nSubject: bare\n\nhello\n';

/** The awkward messages. */
export const awkwardMessages: readonly HostileMessage[] = [
  ...charsets.map(([charset, body]) =>
    bytesOf(`text in ${charset || 'no charset'}`, () => item(part(`Content-Type: text/plain; charset=${charset}`, body))),
  ),
  ...charsets.map(([charset, body]) =>
    bytesOf(`raw header in ${charset || 'no charset'}`, () =>
      item(part(`Subject: ${body}\r\nContent-Type: text/plain; charset=${charset}`, body)),
    ),
  ),
  ...fileNames.map(([what, parameters]) =>
    bytesOf(`file name ${what}`, () => item(part(`Content-Type: image/png\r\nContent-Disposition: attachment; ${parameters}`, 'x'))),
  ),
  ...structures.map(([what, rest]) => ({ ...bytesOf(what, () => item(rest)), ...(/hello$|hello\r/.test(rest) ? { holds: 'hello' } : {}) })),
  bytesOf('bare LF', () => joinBytes(BARE)),
  bytesOf('bare CR', () => joinBytes(BARE.replaceAll('\n', '\r'))),
  bytesOf('CR CR LF', () => joinBytes(BARE.replaceAll('\n', '\r\r\n'))),
  bytesOf('line ends of all kinds', () => joinBytes(BARE.replace('\n', '\r\n'))),
  bytesOf('a byte order mark before the first header', () => joinBytes('\xef\xbb\xbf', BARE)),
  bytesOf('an mbox line before the first header', () => joinBytes('From ada Sun Nov 22 09:14:03 2026\n', BARE)),
  {
    name: 'no message at all',
    expect: 'parked',
    reason: 'unmapped',
    bytes: () => Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 167 + 13) % 256)),
  },
  { name: 'one byte', expect: 'parked', reason: 'unmapped', bytes: () => Buffer.from('x') },
  { name: 'only line ends', expect: 'parked', reason: 'unmapped', bytes: () => Buffer.from('\r\n\r\n\n\r') },
];
