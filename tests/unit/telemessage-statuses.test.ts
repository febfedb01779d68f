/**
 * What each status of TeleMessage means for the pipeline.
 *
 * @module
 */
import { describe, test } from 'node:test';
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { PermanentError, RetryAfterError, TransientError } from '../../shared/errors.ts';
import { judgeStatus } from '../../shared/telemessage/judge-answer.ts';

const NOW = new Date('2026-01-05T10:00:00Z');
const LIMITS = { retryAfterMs: 600_000, retryAfterDefaultMs: 7_000 };

function delayOf(status: number, retryAfter: string | null): number {
  const error = judgeStatus(status, retryAfter, 'content', LIMITS, NOW);
  assert.ok(error instanceof RetryAfterError);
  return error.delayMs;
}

describe('a status of TeleMessage', () => {
  test('404 of an item parks it as no longer there', () => {
    const error = judgeStatus(404, null, 'content', LIMITS, NOW);
    assert.ok(error instanceof PermanentError);
    assert.equal(error.reason, 'source-item-not-found');
  });

  test('404 of the list is no missing item but a refusal that names the setting', () => {
    const error = judgeStatus(404, null, 'list', LIMITS, NOW);
    assert.ok(error instanceof PermanentError);
    assert.equal(error.reason, 'source-refused');
    assert.match(error.message, /404.*TELEMESSAGE_BASE_URL/);
  });

  for (const status of [400, 403, 405, 410, 414, 422, 451]) {
    test(`${status} is a refusal that no retry mends`, () => {
      const error = judgeStatus(status, '5', 'content', LIMITS, NOW);
      assert.ok(error instanceof PermanentError);
      assert.equal(error.reason, 'source-refused');
      assert.match(error.message, new RegExp(String(status)));
    });
  }

  for (const status of [301, 302, 303, 307, 308]) {
    test(`${status} is a redirect that is not followed`, () => {
      const error = judgeStatus(status, null, 'list', LIMITS, NOW);
      assert.ok(error instanceof PermanentError);
      assert.equal(error.reason, 'source-refused');
      assert.match(error.message, /redirect.*TELEMESSAGE_BASE_URL/);
    });
  }

  for (const status of [401, 408, 425, 500, 502, 504, 599, 204, 206]) {
    test(`${status} is left to another try`, () => {
      assert.ok(judgeStatus(status, null, 'content', LIMITS, NOW) instanceof TransientError);
    });
  }

  for (const status of [429, 500, 502, 503, 504]) {
    test(`${status} with Retry-After waits as long as it says`, () => {
      assert.equal(delayOf(status, '120'), 120_000);
    });
  }
});

describe('the delay of a throttled request', () => {
  test('429 and 503 without Retry-After wait the default', () => {
    assert.equal(delayOf(429, null), 7_000);
    assert.equal(delayOf(503, null), 7_000);
  });

  test('an HTTP date is counted from now', () => {
    assert.equal(delayOf(429, 'Mon, 05 Jan 2026 10:02:05 GMT'), 125_000);
  });

  test('a date that is over, and 0 seconds, wait a second, so that nothing goes round without pause', () => {
    assert.equal(delayOf(429, 'Mon, 05 Jan 2026 09:00:00 GMT'), 1_000);
    assert.equal(delayOf(429, '0'), 1_000);
  });

  for (const text of ['86400', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT']) {
    test(`${text.slice(0, 40)} is cut to the longest delay`, () => {
      assert.equal(delayOf(503, text), 600_000);
    });
  }

  for (const text of ['NaN', '1e99', 'Infinity', 'soon', '', '0x10', '1,2,3 4']) {
    test(`'${text}' says nothing and waits the default`, () => {
      assert.equal(delayOf(503, text), 7_000);
    });
  }

  test('whatever the header holds, the delay is a number within the bounds', () => {
    const header = fc.oneof(fc.string(), fc.double().map(String), fc.integer().map(String), fc.date().map(String));
    fc.assert(
      fc.property(header, (text) => {
        const delayMs = delayOf(429, text);
        assert.ok(delayMs >= 1_000 && delayMs <= 600_000, `${delayMs}`);
      }),
      { examples: [['-1'], ['-0'], ['1e308']] },
    );
  });
});
