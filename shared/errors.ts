/**
 * The three errors that steer the pipeline: park, let the host retry, enqueue again later.
 *
 * @module
 */

/** What every steering error carries, so that a log line can say which item it is about without saying what is in it. */
export interface ErrorDetails {
  /** Key of the item in the ledger (a hash, safe to log). */
  readonly itemKey?: string;
  /** What went wrong underneath. Only `message` and `stack` of an error reach the Functions host, so callers log the cause themselves. */
  readonly cause?: unknown;
}

/**
 * Something that no retry can mend. The item is parked with `reason`, its bytes kept, until an operator acts.
 */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
  readonly reason: ParkReason;
  readonly itemKey: string | undefined;

  /**
   * @param reason - One of the words in {@link ParkReason}; it goes into the ledger, the queue message and the report.
   * @param message - What failed and what to do about it, for a person. No number, address, body or secret.
   */
  constructor(reason: ParkReason, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.itemKey = details.itemKey;
  }
}

/** Something that may pass by itself. It is thrown out of the function, so that the host counts a try and delivers the message again. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  readonly itemKey: string | undefined;

  /** @param message - What failed, for a person. No number, address, body or secret. */
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.itemKey = details.itemKey;
  }
}

/**
 * Somebody asked us to come back later (throttling), or an earlier attempt may still be under way. The message is enqueued again with
 * the delay and completed, so that waiting never uses up tries.
 */
export class RetryAfterError extends Error {
  override readonly name = 'RetryAfterError';
  readonly delayMs: number;
  readonly itemKey: string | undefined;

  /**
   * @param delayMs - How long to wait, in milliseconds, at least.
   * @param message - Who asked for the delay, for a person. No number, address, body or secret.
   */
  constructor(delayMs: number, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.delayMs = delayMs;
    this.itemKey = details.itemKey;
  }
}

/** Why an item or a delivery is parked. These words are part of the report format. */
export const PARK_REASONS = {
  unmapped: 'no participant maps to a Microsoft 365 user with a mailbox',
  oversize: 'the item or one of its attachments is larger than MAX_ITEM_BYTES',
  'source-item-not-found': 'TeleMessage no longer has the item',
  'source-refused': 'TeleMessage refused the request for a reason that a retry does not mend',
  unreadable: 'the item exceeds a limit of the e-mail parser',
  'too-many-participants': 'the item has more participants than one item may fan out to',
  'staged-bytes-missing': 'the raw item is no longer in the items container',
  'staged-bytes-altered': 'the raw item in the items container is not what was downloaded',
  'mailbox-full': 'the mailbox is over its quota',
  'mailbox-not-found': 'the user or the mailbox no longer exists',
  'access-denied': 'the archiver has no right to this mailbox',
  'sender-refused': 'Exchange refused the sender of the item',
  'graph-refused': 'Microsoft Graph refused the request for a reason that a retry does not mend',
  'verification-failed': 'the copy in the mailbox is not what was sent',
  'tries-used-up': 'every try failed',
  'no-progress': 'the item was enqueued again as often as allowed and still made no progress',
  'bad-queue-message': 'the queue message is not one that this app writes',
} as const;

/** A key of {@link PARK_REASONS}. */
export type ParkReason = keyof typeof PARK_REASONS;

/**
 * The messages of a chain of errors, for a log line.
 *
 * @returns the messages from the outside in, joined by `: `, at most 500 characters.
 */
export function describeError(error: unknown): string {
  const messages: string[] = [];
  let current: unknown = error;
  while (current instanceof Error && messages.length < 5) {
    messages.push(current.message);
    current = current.cause;
  }
  return messages.length === 0 ? 'something that is not an Error was thrown' : messages.join(': ').slice(0, 500);
}
