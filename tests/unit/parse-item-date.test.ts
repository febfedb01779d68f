import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseItem } from '../../shared/item/parse-item.ts';
import type { ParsedItem } from '../../shared/item/parsed-item.ts';
import { joinBytes } from '../corpus/make-message.ts';

/** Parses a message given as lines and bytes; texts are Latin 1. */
function parse(...pieces: (string | Uint8Array)[]): Promise<ParsedItem> {
  return parseItem(joinBytes(...pieces), { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' });
}

describe('the time of an item', () => {
  const times: [string, string | undefined][] = [
    ['Sun, 22 Nov 2026 16:00:00 +0200', '2026-11-22T14:00:00.000Z'],
    ['22 Nov 2026 16:00 -0330', '2026-11-22T19:30:00.000Z'],
    ['Sun, 22 Nov 2026 16:00:00 GMT', '2026-11-22T16:00:00.000Z'],
    ['Sun, 22 Nov 2026 16:00:00', '2026-11-22T16:00:00.000Z'],
    ['Sun, 22 Nov 2026 16:00:00 EST', '2026-11-22T21:00:00.000Z'],
    ['Sun, 22 Nov 2026 16:00:00 +0000 (Coordinated Universal Time)', '2026-11-22T16:00:00.000Z'],
    ['sunday, 22-nov-26 16:00:00 Z', '2026-11-22T16:00:00.000Z'],
    ['31 Dec 98 23:59:60 +0000', '1998-12-31T23:59:59.000Z'],
    ['2026-11-22T16:00:00+02:00', '2026-11-22T14:00:00.000Z'],
    ['2026-11-22 16:00:00', '2026-11-22T16:00:00.000Z'],
    ['29 Feb 2024 00:00:00 +0000', '2024-02-29T00:00:00.000Z'],
    ['29 Feb 2026 00:00:00 +0000', undefined],
    ['31 Apr 2026 00:00:00 +0000', undefined],
    ['22 Nov 2026 24:00:00 +0000', undefined],
    ['22 Nov 2026 16:60:00 +0000', undefined],
    ['22 Nov 2026 16:00:61 +0000', undefined],
    ['22 Nov 2026 16:00:00 +9999', undefined],
    ['22 Nov 2026 16:00:00 +1500', undefined],
    ['Thu, 01 Jan 1970 00:00:00 +0000', undefined],
    ['22 Nov 2100 16:00:00 +0000', undefined],
    ['Sat, 01 Jan 0000 00:00:00 +0000', undefined],
    ['01 Jan 0095 00:00:00 +0000', undefined],
    ['0000-01-01T00:00:00Z', undefined],
    ['22 Foo 2026 16:00:00 +0000', undefined],
    ['hello 5', undefined],
    ['1795363200', undefined],
    ['', undefined],
  ];
  for (const [value, expected] of times) {
    test(`of the Date "${value}" is ${expected ?? 'unknown'}`, async () => {
      assert.equal((await parse(`Date: ${value}\n\nx`)).sentAt, expected);
    });
  }

  test('is unknown without a Date header', async () => {
    assert.equal((await parse('Subject: one\n\nx')).sentAt, undefined);
  });
});
