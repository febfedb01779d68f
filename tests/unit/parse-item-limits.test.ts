import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PermanentError } from '../../shared/errors.ts';
import { parseItem } from '../../shared/item/parse-item.ts';
import type { ParsedItem } from '../../shared/item/parsed-item.ts';
import { limits } from '../../shared/limits.ts';
import { joinBytes } from '../corpus/make-message.ts';

/** Parses a message given as lines and bytes; texts are Latin 1. */
function parse(...pieces: (string | Uint8Array)[]): Promise<ParsedItem> {
  return parseItem(joinBytes(...pieces), { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' });
}

describe('the limits of an item', () => {
  const refused = (limit: string) => (error: unknown) =>
    error instanceof PermanentError && error.reason === 'unreadable' && error.message.includes(`(limit ${limit})`);
  const parts = (count: number) => parse(`Content-Type: multipart/mixed; boundary=b\n\n${'--b\n\nx\n'.repeat(count)}--b--\n`);
  const nested = (depth: number) =>
    parse(
      Array.from({ length: depth }, (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\n\n--b${level}\n`).join(''),
      '\nhello',
    );

  test('take as many parts as allowed and refuse one more', async () => {
    await parts(limits.mimeParts - 1);
    await assert.rejects(parts(limits.mimeParts), refused('mimeParts'));
  });

  test('take as deep a nesting as allowed and refuse one more', async () => {
    assert.equal((await nested(limits.mimeNestingDepth)).body.content, 'hello');
    await assert.rejects(nested(limits.mimeNestingDepth + 1), refused('mimeNestingDepth'));
  });

  test('take as many header bytes as allowed and refuse one more, however they are spread over parts', async () => {
    const line = 'X-A: b\n';
    await parse(line, `X-B: ${'b'.repeat(limits.headerBytes - line.length - 6)}\n`, '\nx');
    await assert.rejects(parse(line, `X-B: ${'b'.repeat(limits.headerBytes - line.length - 5)}\n`, '\nx'), refused('headerBytes'));
    const half = `--b\nX-A: ${'b'.repeat(limits.headerBytes / 2)}\n\nx\n`;
    await assert.rejects(parse('Content-Type: multipart/mixed; boundary=b\n\n', half, half), refused('headerBytes'));
  });
});
