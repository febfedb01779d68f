import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { parseItem } from '../../shared/item/parse-item.ts';
import type { Mailbox } from '../../shared/mailbox/mailbox.ts';
import { mapParticipants } from '../../shared/mapping/map-participants.ts';
import { parseMappingFile } from '../../shared/mapping/parse-mapping-file.ts';

interface Expected {
  readonly outcome: string;
  readonly mailboxes: readonly string[];
  readonly subject?: string;
  readonly attachments?: number;
}

interface User {
  readonly userPrincipalName: string;
  readonly mail: string;
  readonly proxyAddresses?: readonly string[];
  readonly hasMailbox: boolean;
}

function read(name: string): Buffer {
  return readFileSync(new URL(`../../local/sample-day/${name}`, import.meta.url));
}

const expected = JSON.parse(read('expected.json').toString()) as Record<string, Expected>;
const users = JSON.parse(read('directory.json').toString()) as readonly User[];
const mapping = parseMappingFile(read('mapping.csv'));

async function findMailbox(address: string): Promise<Mailbox | undefined> {
  const user = users.find(({ userPrincipalName, mail, proxyAddresses = [] }) =>
    [userPrincipalName, mail, ...proxyAddresses.map((proxy) => proxy.slice('smtp:'.length))].some(
      (known) => known.toLowerCase() === address,
    ),
  );
  return user?.hasMailbox === true ? { id: user.userPrincipalName, address: user.userPrincipalName } : undefined;
}

const parse = (name: string) => parseItem(read(name), { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' });

/** The rest of what each sample holds, beside what expected.json tells. */
const TEXTS: Readonly<Record<string, readonly [sentAt: string | undefined, body: string]>> = {
  '01-sms-two-colleagues.eml': ['2026-11-22T09:14:03.000Z', 'Lunch at noon?'],
  '04-chat-group-unicode.eml': ['2026-11-22T10:30:15.000Z', 'Готово ✅ שלום 你好'],
  '05-call-recording.eml': ['2026-11-22T11:00:00.000Z', 'Duration: 00:00:01'],
  '12-journal-wrapped.eml': ['2026-11-22T13:30:00.000Z', 'wrapped'],
  '13-hebrew-8bit-no-message-id.eml': ['2026-11-22T14:00:00.000Z', 'שלום'],
  '15-not-a-message.eml': [undefined, 'this is not MIME at all ÿþ'],
};

describe('the sample day', () => {
  for (const [name, { outcome, mailboxes, subject, attachments }] of Object.entries(expected)) {
    // The oversize item is generated, and a duplicate is mapped before anybody knows that it is one.
    if (outcome === 'oversize' || outcome === 'skipped') continue;
    test(`${name}: ${outcome}, mapped to ${mailboxes.length} mailboxes`, async () => {
      const item = await parse(name);
      const mapped = await mapParticipants(item.participants, { mapping, automatic: true, findMailbox });
      assert.deepEqual(mapped.mailboxes.map(({ address }) => address).sort(), [...mailboxes].sort());
      assert.equal(item.attachments.length, attachments ?? 0);
      if (subject !== undefined) assert.equal(item.subject, subject);
      const [sentAt, body] = TEXTS[name] ?? [item.sentAt, item.body.content.trim()];
      assert.deepEqual([item.sentAt, item.body.content.trim()], [sentAt, body]);
    });
  }

  test('has the picture and the recording byte for byte', async () => {
    const [picture] = (await parse('03-mms-picture.eml')).attachments;
    assert.deepEqual([picture?.name, picture?.contentType], ['IMG_0042.png', 'image/png']);
    const [, base64 = ''] = /png"\r\nMIME-Version: 1.0\r\n\r\n([^-]+)\r\n--/.exec(read('03-mms-picture.eml').toString('latin1')) ?? [];
    assert.deepEqual(Buffer.from(picture!.content), Buffer.from(base64, 'base64'));
    const [recording] = (await parse('05-call-recording.eml')).attachments;
    assert.equal(Buffer.from(recording!.content).toString('latin1', 0, 4), 'RIFF');
    assert.equal(Buffer.from(recording!.content).readUInt32LE(4) + 8, recording?.content.length, 'the length that the WAV itself tells');
  });

  test('keeps its HTML and its files with safe names', async () => {
    const item = await parse('14-html-and-inline.eml');
    assert.equal(item.body.contentType, 'html');
    assert.match(item.body.content, /<b>picture<\/b>/);
    assert.deepEqual(
      item.attachments.map(({ name, content }) => [name, Buffer.from(content).toString()]),
      [
        ['notes.txt', 'minutes'],
        ['.._.._evilgnp.exe', 'MZ'],
      ],
    );
  });

  test('has one deletion, with the id of the message that was deleted', async () => {
    const [original, deletion] = [await parse('01-sms-two-colleagues.eml'), await parse('10-deleted-is-not-a-duplicate.eml')];
    assert.deepEqual([original.isDeletion, deletion.isDeletion, deletion.deletionKind], [false, true, 'read']);
    assert.equal(deletion.archiveMessageId, original.archiveMessageId);
    assert.equal(deletion.messageId, undefined);
  });
});
