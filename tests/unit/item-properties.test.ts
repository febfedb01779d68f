import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import { PermanentError } from '../../shared/errors.ts';
import { parseItem } from '../../shared/item/parse-item.ts';

const SEED = 20_261_122;
const OPTIONS = { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' };
const DIRECTORY = new URL('../../local/sample-day/', import.meta.url);
const samples = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith('.eml'))
  .map((name) => readFileSync(new URL(name, DIRECTORY)));

/** Parses, and lets nothing but a PermanentError pass. */
async function survives(bytes: Uint8Array): Promise<void> {
  try {
    await parseItem(bytes, OPTIONS);
  } catch (error) {
    assert.ok(error instanceof PermanentError, String(error));
  }
}

describe('any item', () => {
  test('of a sample with bytes changed, cut out or doubled is parsed or parked', async () => {
    const change = fc.record({ at: fc.nat(20_000), length: fc.nat(60), bytes: fc.uint8Array({ maxLength: 8 }) });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 6 }), async (sample, changes) => {
        let bytes = sample;
        for (const { at, length, bytes: more } of changes) {
          const start = at % (bytes.length + 1);
          bytes = Buffer.concat([bytes.subarray(0, start), more, bytes.subarray(start + length)]);
        }
        await survives(bytes);
      }),
      { seed: SEED, numRuns: 1_000 },
    );
  });

  test('made of the words of the grammar in any order is parsed or parked', async () => {
    const words = [
      ['\r\n', '\n', '\r', ' ', '\t', ':', ';', '=', '"', '\\', '(', ')', '<', '>', '@', ',', '*', '%', '?', '--', 'b', '\x00', '\xff'],
      [
        'Content-Type: ',
        'multipart/mixed; boundary=b',
        'multipart/alternative; boundary=c',
        'message/rfc822',
        'text/html',
        '--b',
        '--c',
        '--b--',
      ],
      ['From: ', 'To: ', 'Subject: ', 'Date: ', 'X-TELEMESSAGE-ArchiveMessageID: ', '=?utf-8?B?', '=?x?Q?', '?=', "utf-8''%C3", 'name*0*='],
      ['Content-Transfer-Encoding: base64', 'Content-Transfer-Encoding: quoted-printable', 'a@x.example', '16175550101', '=C3', '=\r\n'],
    ];
    const word = fc.constantFrom(...words.flat());
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 80 }), (sequence) => survives(Buffer.from(sequence.join(''), 'latin1'))),
      { seed: SEED, numRuns: 2_000 },
    );
  });

  test('that a mail library composes comes out as it went in', async () => {
    const text = fc
      .string({ unit: fc.constantFrom(...Array.from('abc XYZ 123 éשל你🚀,;:"<>()=?_.-')), minLength: 1, maxLength: 40 })
      .map((value) => value.trim() || 'x');
    // Names without the signs that Windows refuses: those are changed on purpose.
    const name = fc
      .string({ unit: fc.constantFrom(...Array.from('abc XYZ 123 éשל你🚀,;()=_.-')), maxLength: 40 })
      .map((value) => `${value.trim().replace(/[. ]+$/, '')}x.bin`);
    const file = fc.record({
      filename: name,
      content: fc.uint8Array({ maxLength: 300 }),
      encoding: fc.constantFrom('base64', 'quoted-printable'),
    });
    const types = fc.constantFrom('text/plain', 'text/calendar', 'text/html', 'image/png', 'application/octet-stream');
    await fc.assert(
      fc.asyncProperty(text, text, fc.array(fc.tuple(file, types), { maxLength: 3 }), async (subject, person, files) => {
        const composer = new MailComposer({
          subject,
          from: { name: person, address: 'ada@contoso.example' },
          text: 'hello',
          attachments: files.map(([{ filename, content, encoding }, contentType]) => ({
            filename,
            content: Buffer.from(content),
            contentType,
            contentTransferEncoding: encoding === 'base64' ? 'base64' : 'quoted-printable',
          })),
        });
        const item = await parseItem(await composer.compile().build(), OPTIONS);
        const spaced = (value: string) => value.replace(/\s+/g, ' ');
        assert.equal(spaced(item.subject), spaced(subject));
        assert.deepEqual([spaced(item.from?.name ?? ''), item.from?.address], [spaced(person), 'ada@contoso.example']);
        assert.equal(item.body.content.trim(), 'hello');
        assert.deepEqual(
          item.attachments.map(({ name, contentType, content }) => [spaced(name), contentType, Buffer.from(content).toString('hex')]),
          files.map(([{ filename, content }, type]) => [spaced(filename), type, Buffer.from(content).toString('hex')]),
        );
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
