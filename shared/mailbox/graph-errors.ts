/**
 * What each error of Microsoft Graph means for a delivery: parked with which reason, tried again, or tried again later.
 *
 * @module
 */
import { PermanentError, RetryAfterError, TransientError, type ParkReason } from '../errors.ts';
import { limits } from '../limits.ts';
import { parseRetryAfter } from '../retry-after.ts';

/** An answer of Graph that is not a success, or no answer at all. */
export interface GraphFailure {
  /** HTTP status, or undefined where no answer came. */
  readonly status?: number | undefined;
  /** Graph's own word for it. */
  readonly code?: string | undefined;
  /** Value of the header Retry-After. */
  readonly retryAfter?: string | undefined;
  /** The request only asked, so that nothing can have taken effect. */
  readonly readOnly?: boolean;
  readonly cause?: unknown;
}

/** A request that may have taken effect although it failed. */
export class InDoubtError extends TransientError {
  /** The other side has answered, so nothing of the request can still be under way. */
  readonly settled: boolean;
  /** Where it was throttled: how long to wait, in ms, without using up a try. */
  readonly delayMs: number | undefined;

  constructor(message: string, settled: boolean, cause: unknown, delayMs?: number) {
    super(message, { cause });
    this.settled = settled;
    this.delayMs = delayMs;
  }
}

/**
 * Graph's error codes that no retry mends, with the reason under which the delivery is parked.
 *
 * Source: Microsoft Graph documentation, and for what Exchange answers its own list ("ResponseCode", Exchange Web Services), which Graph
 * passes on (microsoft-graph-docs issue 3935; `QuotaExceededException`: issue 6546).
 */
export const permanentCodes: ReadonlyMap<string, ParkReason> = new Map<string, ParkReason>([
  ['ErrorQuotaExceeded', 'mailbox-full'],
  ['ErrorMailboxStoreUnavailable.QuotaExceeded', 'mailbox-full'],
  ['QuotaExceededException', 'mailbox-full'],
  ['ErrorSendAsDenied', 'sender-refused'],
  ['ErrorInvalidSender', 'sender-refused'],
  ['ErrorAccessDenied', 'access-denied'],
  ['Authorization_RequestDenied', 'access-denied'],
  ['ErrorInvalidUser', 'mailbox-not-found'],
  ['ErrorNonExistentMailbox', 'mailbox-not-found'],
  ['ErrorAccountDisabled', 'mailbox-not-found'],
  ['Request_ResourceNotFound', 'mailbox-not-found'],
  ['ResourceNotFound', 'mailbox-not-found'],
  ['MailboxNotEnabledForRESTAPI', 'mailbox-not-found'],
  ['MailboxNotSupportedForRESTAPI', 'mailbox-not-found'],
]);

/**
 * Codes for what passes by itself. They come with statuses of refusal too, and an item must not be parked for a mailbox that is just being
 * moved, or for a folder that its user deletes while we write into it. Source: as for {@link permanentCodes}.
 */
export const passingCodes: ReadonlySet<string> = new Set([
  'ErrorADOperation',
  'ErrorADUnavailable',
  'ErrorBatchProcessingStopped',
  'ErrorConnectionFailed',
  'ErrorFolderNotFound',
  'ErrorInsufficientResources',
  'ErrorInternalServerError',
  'ErrorInternalServerTransientError',
  'ErrorIrresolvableConflict',
  'ErrorItemNotFound',
  'ErrorMailboxFailover',
  'ErrorMailboxMoveInProgress',
  'ErrorMailboxStoreUnavailable',
  'ErrorNotEnoughMemory',
  'ErrorTimeoutExpired',
  'MailboxInfoStale',
]);

/** Codes of throttling, also where the status does not say so. Source: as for {@link permanentCodes}. */
export const throttlingCodes: ReadonlySet<string> = new Set([
  'ApplicationThrottled',
  'ErrorExceededConnectionCount',
  'ErrorServerBusy',
  'ErrorTooManyObjectsOpened',
  'MailboxConcurrency',
  'TooManyRequests',
]);

/** What to do about a class of answers; the table in docs/reliability.md is made by the same code. */
export type GraphVerdict =
  | { readonly kind: 'park'; readonly reason: ParkReason }
  | { readonly kind: 'later'; readonly delayMs: number }
  | { readonly kind: 'again'; readonly mayHaveTakenEffect: boolean; readonly settled: boolean };

/** Statuses after which the request cannot have taken effect and a later one may succeed. */
const REFUSED_FOR_NOW = new Set([401, 408, 409, 412, 423]);
const THROTTLED = new Set([429, 503, 509]);

/** Judges one failure. */
export function judgeGraphFailure(failure: GraphFailure): GraphVerdict {
  const { status, code, retryAfter } = failure;
  const reason = code === undefined ? undefined : permanentCodes.get(code);
  if (reason !== undefined) return { kind: 'park', reason };
  if (status === undefined) return { kind: 'again', mayHaveTakenEffect: true, settled: false };
  // It was done; only the answer's body broke off on its way.
  if (status < 400) return { kind: 'again', mayHaveTakenEffect: true, settled: true };
  if (status === 507) return { kind: 'park', reason: 'mailbox-full' };
  // A 5xx without Retry-After is a gateway's answer as often as throttling: only 429 and 509 say for certain that nothing was done.
  const isThrottled = THROTTLED.has(status) || (code !== undefined && throttlingCodes.has(code));
  if (isThrottled && (status < 500 || status === 509 || retryAfter !== undefined)) {
    return { kind: 'later', delayMs: parseRetryAfter(retryAfter, Date.now()) ?? limits.retryAfterDefaultMs };
  }
  if (status >= 500 || (code !== undefined && passingCodes.has(code))) return { kind: 'again', mayHaveTakenEffect: true, settled: true };
  if (REFUSED_FOR_NOW.has(status)) return { kind: 'again', mayHaveTakenEffect: false, settled: true };
  return { kind: 'park', reason: status === 403 ? 'access-denied' : 'graph-refused' };
}

/**
 * Turns a failure into the error that steers the pipeline.
 *
 * @param what - What was asked of Graph, for a person, without number, address or content.
 */
export function graphError(what: string, failure: GraphFailure): PermanentError | RetryAfterError | TransientError {
  const answer = failure.status === undefined ? 'gave no answer' : `answered ${failure.status} ${failure.code ?? ''}`.trim();
  const message = `Microsoft Graph ${answer} when asked to ${what}.`;
  const verdict = judgeGraphFailure(failure);
  switch (verdict.kind) {
    case 'park':
      return new PermanentError(verdict.reason, message, { cause: failure.cause });
    case 'later':
      return new RetryAfterError(verdict.delayMs, message, { cause: failure.cause });
    case 'again':
      return verdict.mayHaveTakenEffect && failure.readOnly !== true
        ? new InDoubtError(message, verdict.settled, failure.cause)
        : new TransientError(message, { cause: failure.cause });
  }
}
