import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PermanentError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { parseItem } from '../../shared/item/parse-item.ts';
import { hostileMessages } from './hostile-messages.ts';

const OPTIONS = { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' };
const MB = 1024 * 1024;
const ADA = 'ada.fields@contoso.example';

// What neither JSON for Graph nor Exchange takes, apart from tab and line breaks.
const REFUSED_CHARACTERS =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

describe('hostile messages', () => {
  for (const message of hostileMessages) {
    test(`${message.name}: ${message.expect}`, async () => {
      const bytes = message.bytes();
      assert.ok(bytes.length < 10 * MB, 'the corpus tests the parser, not the limit of size');
      if (message.reason !== undefined && message.reason !== 'unmapped') {
        await assert.rejects(parseItem(bytes, OPTIONS), (error) => {
          assert.ok(error instanceof PermanentError);
          assert.equal(error.reason, message.reason);
          assert.match(error.message, /\(limit \w+\)/, 'the limit is named');
          return true;
        });
        return;
      }
      const parsed = await parseItem(bytes, OPTIONS);
      assert.equal(
        parsed.participants.some(({ address }) => address === ADA),
        message.expect === 'imported',
      );
      if (message.holds !== undefined) {
        const found = [parsed.body.content, ...parsed.attachments.map(({ content }) => Buffer.from(content).toString('latin1'))];
        assert.ok(
          found.some((text) => text.includes(message.holds ?? '')),
          'nothing vanishes',
        );
      }
      assert.ok(Buffer.byteLength(parsed.headerBlock) <= limits.transportHeaderBytes);
      for (const text of [parsed.subject, parsed.body.content, parsed.headerBlock, parsed.messageId ?? '', parsed.sentAt ?? '']) {
        assert.doesNotMatch(text, REFUSED_CHARACTERS);
      }
      for (const { name, address } of [...parsed.to, ...parsed.cc, parsed.from ?? { name: '', address: '' }]) {
        assert.doesNotMatch(name + address, REFUSED_CHARACTERS);
        assert.ok(name.length <= limits.displayNameCharacters && address.length <= limits.addressCharacters);
      }
      for (const { name } of parsed.attachments) {
        assert.doesNotMatch(name, REFUSED_CHARACTERS);
        assert.doesNotMatch(name, /[/\\\u202a-\u202e\u2066-\u2069\r\n]|^\.*$/);
        assert.ok(name.length <= limits.fileNameCharacters);
      }
    });
  }

  test('no message of the corpus makes memory grow without bound', () => {
    // The largest has 10 MB; a parser that keeps a node for each line or part takes gigabytes.
    assert.ok(process.resourceUsage().maxRSS / 1024 < 1_200, `${Math.round(process.resourceUsage().maxRSS / 1024)} MB at most`);
  });

  test('the corpus is the same in every run', () => {
    assert.equal(new Set(hostileMessages.map(({ name }) => name)).size, hostileMessages.length);
    for (const message of hostileMessages.slice(0, 5)) assert.deepEqual(message.bytes(), message.bytes());
  });
});
