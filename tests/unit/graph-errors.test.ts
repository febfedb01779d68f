/** What each answer of Microsoft Graph means for a delivery, and that the documents say the same. @module */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { PermanentError, RetryAfterError, TransientError } from '../../shared/errors.ts';
import { graphError, InDoubtError } from '../../shared/mailbox/graph-errors.ts';
import { errorTables, withSection } from '../fault/error-tables.ts';

const judge = (status: number | undefined, code?: string, more: { retryAfter?: string; readOnly?: boolean } = {}) =>
  graphError('do it', { status, code, ...more });

describe('an answer of Microsoft Graph', () => {
  for (const [code, status, reason] of [
    ['ErrorQuotaExceeded', 403, 'mailbox-full'],
    ['QuotaExceededException', 507, 'mailbox-full'],
    [undefined, 507, 'mailbox-full'],
    ['ErrorSendAsDenied', 403, 'sender-refused'],
    ['ErrorAccessDenied', 403, 'access-denied'],
    [undefined, 403, 'access-denied'],
    ['ErrorNonExistentMailbox', 404, 'mailbox-not-found'],
    ['MailboxNotEnabledForRESTAPI', 404, 'mailbox-not-found'],
    ['ErrorInvalidRequest', 400, 'graph-refused'],
    ['ErrorMessageSizeExceeded', 413, 'graph-refused'],
  ] as const) {
    test(`${status} ${code ?? 'without a code'} parks the delivery as ${reason}`, () => {
      const error = judge(status, code);
      assert.ok(error instanceof PermanentError);
      assert.equal(error.reason, reason);
    });
  }

  for (const [code, status] of [
    ['ErrorMailboxMoveInProgress', 400],
    ['ErrorMailboxStoreUnavailable', 404],
    ['ErrorItemNotFound', 404],
    ['ErrorInternalServerTransientError', 403],
  ] as const) {
    test(`${status} ${code} passes by itself, so the delivery is not parked`, () => {
      assert.ok(judge(status, code) instanceof TransientError);
    });
  }

  for (const [status, code, retryAfter, delayMs] of [
    [429, 'ApplicationThrottled', '120', 120_000],
    [429, undefined, undefined, 10_000],
    [400, 'ErrorServerBusy', undefined, 10_000],
    [503, undefined, '30', 30_000],
    [503, 'MailboxConcurrency', '30', 30_000],
    [509, undefined, undefined, 10_000],
  ] as const) {
    test(`${status} ${code ?? 'without a code'}, Retry-After ${retryAfter ?? 'absent'}, waits ${delayMs} ms without using up a try`, () => {
      const error = judge(status, code, retryAfter === undefined ? {} : { retryAfter });
      assert.ok(error instanceof RetryAfterError);
      assert.equal(error.delayMs, delayMs);
    });
  }

  for (const [status, code, settled] of [
    [500, undefined, true],
    [503, 'ErrorServerBusy', true],
    [504, undefined, true],
    [201, undefined, true],
    [undefined, undefined, false],
  ] as const) {
    test(`${status ?? 'none'} ${code ?? ''} leaves a create in doubt, and a question not`, () => {
      const create = judge(status, code);
      assert.ok(create instanceof InDoubtError);
      assert.equal(create.settled, settled);
      const question = judge(status, code, { readOnly: true });
      assert.ok(question instanceof TransientError);
      assert.equal(question instanceof InDoubtError, false);
    });
  }
});

test('docs/reliability.md says what each error means (FAULT_RUNS=0 npm run reliability writes it)', async () => {
  const text = await readFile(resolve(import.meta.dirname, '../../docs/reliability.md'), 'utf8');
  for (const [name, table] of Object.entries(errorTables))
    assert.equal(withSection(text, name, table()), text, `the table "${name}" is not up to date`);
});
