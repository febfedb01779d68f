/**
 * The seam between the archiver and the mailboxes: one message created through Graph's JSON now, MIME import later.
 *
 * @module
 */
import type { ParsedItem } from '../item/parsed-item.ts';
import type { Mailbox } from './mailbox.ts';

/** An item, ready to be delivered to any number of mailboxes. */
export interface ImportableItem {
  /** Identity of the content, lower-case hex. */
  readonly contentKey: string;
  /** SHA-256 of the raw item, lower-case hex. */
  readonly sha256: string;
  /** When it arrived at the source, ISO 8601 UTC: stands in where the item has no date. */
  readonly arrivedAt: string;
  readonly parsed: ParsedItem;
  /** The raw item. */
  readonly raw: Uint8Array;
}

/** A copy in a mailbox. */
export interface MailboxCopy {
  readonly messageId: string;
}

/** Throws where the delivery is no longer this attempt's. */
export type StillOurs = () => Promise<void>;

/** Puts items into mailboxes. */
export interface MailboxImporter<Composed> {
  /** Prepares an item once for all its mailboxes. */
  compose(item: ImportableItem): Composed;

  /**
   * Makes the copy.
   *
   * @param stillOurs - Called right before each request that changes something; throws where another attempt has taken the delivery up.
   * @throws PermanentError, RetryAfterError or TransientError where it certainly was not made; InDoubtError where it may have been.
   */
  create(mailbox: Mailbox, composed: Composed, stillOurs: StillOurs): Promise<MailboxCopy>;

  /**
   * Reads the copy back.
   *
   * @throws PermanentError (`verification-failed`) where it is not what was sent; the errors of the request.
   */
  verify(mailbox: Mailbox, copy: MailboxCopy, composed: Composed): Promise<void>;

  /**
   * Looks for a copy that an earlier attempt may have made, and clears away what that attempt left unfinished.
   *
   * @param stillOurs - As for {@link MailboxImporter.create}: what another attempt is just making must not be cleared away.
   */
  find(mailbox: Mailbox, composed: Composed, stillOurs: StillOurs): Promise<MailboxCopy | undefined>;
}
