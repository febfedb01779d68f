/**
 * The tables of docs/reliability.md that say what each error means, made by the code that judges the errors.
 *
 * @module
 */
import { PARK_REASONS, PermanentError, RetryAfterError, type ParkReason } from '../../shared/errors.ts';
import { limits } from '../../shared/limits.ts';
import { judgeGraphFailure, passingCodes, permanentCodes, throttlingCodes } from '../../shared/mailbox/graph-errors.ts';
import { judgeStorageStatus, type StorageVerdict } from '../../shared/storage/storage-errors.ts';
import { judgeStatus, type RequestKind } from '../../shared/telemessage/judge-answer.ts';

const parked = (reason: ParkReason): string => `parked: \`${reason}\` (${PARK_REASONS[reason]})`;
const later = (delayMs: number): string => `later, after Retry-After (${delayMs / 1000} s where it says nothing); no try used up`;

/** Answers with the same ends stand in one row. */
function table(headers: readonly string[], rows: readonly (readonly [answer: string, ...ends: string[]])[]): string {
  const byEnds = Map.groupBy(rows, ([, ...ends]) => ends.join(' | '));
  const lines = [...byEnds].map(([ends, answers]) => `| ${answers.map(([answer]) => answer).join(', ')} | ${ends} |`);
  return [`| ${headers.join(' | ')} |`, `|${'---|'.repeat(headers.length)}`, ...lines].join('\n');
}

function graphTable(): string {
  const says = (status: number | undefined, code?: string, retryAfter?: string): string => {
    const verdict = judgeGraphFailure({ status, code, retryAfter });
    if (verdict.kind === 'park') return parked(verdict.reason);
    if (verdict.kind === 'later') return later(verdict.delayMs);
    if (!verdict.mayHaveTakenEffect) return 'tried again';
    return verdict.settled
      ? 'tried again; a create is looked for first'
      : 'tried again; a create is looked for first, once it can no longer take effect';
  };
  const statuses = [400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 423, 429, 500, 502, 503, 504, 507, 509];
  return table(
    ['Microsoft Graph answers', 'what happens'],
    [
      ...[...permanentCodes.keys(), ...passingCodes, ...throttlingCodes].map((code) => [`\`${code}\``, says(400, code)] as const),
      ...statuses.map((status) => [`${status}`, says(status)] as const),
      ['503 with Retry-After', says(503, undefined, '10')],
      ['nothing (time-out, broken connection)', says(undefined)],
    ],
  );
}

function sourceTable(): string {
  const says = (status: number, request: RequestKind, retryAfter?: string): string => {
    const error = judgeStatus(status, retryAfter ?? null, request, limits, new Date());
    if (error instanceof PermanentError) {
      return request === 'content' ? parked(error.reason) : 'the listing stops, and each sweep tries to go on with it';
    }
    return error instanceof RetryAfterError ? later(limits.retryAfterDefaultMs) : 'tried again';
  };
  const statuses = [204, 302, 400, 401, 403, 404, 408, 410, 425, 429, 500, 502, 503, 504];
  const row = (answer: string, status: number, retryAfter?: string) =>
    [answer, says(status, 'content', retryAfter), says(status, 'list', retryAfter)] as const;
  return table(
    ['TeleMessage answers', 'asked for an item', 'asked for a page of the list'],
    [...statuses.map((status) => row(`${status}`, status)), row('500 with Retry-After', 500, '10')],
  );
}

const STORAGE: Readonly<Record<StorageVerdict, string>> = {
  conflict: 'somebody was first: it is read, and what is there counts',
  missing: 'there is none: what is asked for is made, or has been removed; a raw item that is gone is parked: `staged-bytes-missing`',
  unchanged: 'the mapping that is in force stays',
  'beyond-end': 'the log has no more lines',
  overtaken: 'somebody was first with the same blocks or the same message: what is there counts, and where there is nothing, tried again',
  again: 'the client repeats the request; then tried again',
};

function storageTable(): string {
  const statuses = [304, 400, 403, 404, 408, 409, 412, 416, 429, 500, 503];
  return table(
    ['Azure Storage answers', 'what happens'],
    [
      ...statuses.map((status) => [`${status}`, STORAGE[judgeStorageStatus(status)]] as const),
      ['nothing (time-out, broken connection)', STORAGE[judgeStorageStatus(undefined)]],
    ],
  );
}

/** Each table by the name of its section. */
export const errorTables = { graph: graphTable, source: sourceTable, storage: storageTable } as const;

/** @returns the text with one of its sections replaced. @throws Error where it has no such section. */
export function withSection(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [before, rest] = text.split(start);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/reliability.md has no markers ${start} and ${end}`);
  return `${before}${start}\n${content}\n${end}${after}`;
}
