/**
 * What an item looks like once it is parsed: everything that a mailbox copy is made of, and who took part.
 *
 * @module
 */

/** A name and an address as the item writes them. */
export interface Address {
  /** Display name, decoded, without control characters; may be empty. */
  readonly name: string;
  /** As written, at most `limits.addressCharacters` long. May be empty, and may be no valid e-mail address: a bare number stands here at times. */
  readonly address: string;
}

/** The text of an item. */
export interface ItemBody {
  readonly contentType: 'text' | 'html';
  readonly content: string;
}

/** A file of an item, byte for byte as it was sent. */
export interface ItemAttachment {
  /** Safe to show and to store: no path, no control or bidirectional characters, nothing that Windows refuses, never empty. Names may repeat. */
  readonly name: string;
  /** Lower-case media type, such as `image/png`. */
  readonly contentType: string;
  readonly content: Uint8Array;
  /** Content-ID without its angle brackets. */
  readonly contentId?: string | undefined;
  /** Whether the HTML body shows it in place. */
  readonly isInline: boolean;
}

/** Where a participant was named first: a header, or the "User's Email address" property. */
export type ParticipantRole = 'from' | 'to' | 'cc' | 'property';

/** One person of an item, or one number: somebody whose mailbox the item may belong to. */
export interface Participant {
  readonly name: string;
  /** Lower-case, syntactically valid; absent where the item gives none. */
  readonly address?: string | undefined;
  /** Texts that look like phone numbers, the likeliest first. */
  readonly numberTexts: readonly string[];
  readonly role: ParticipantRole;
}

/** A parsed item. For a journal-wrapped one, all of it is of the original inside. */
export interface ParsedItem {
  /** `X-TELEMESSAGE-ArchiveMessageID`, trimmed. */
  readonly archiveMessageId?: string | undefined;
  /** Whether the item tells of a deletion; it is then never a duplicate of the message that was deleted. */
  readonly isDeletion: boolean;
  /** Which deletion, such as `for-all unknown`; goes into the content key. */
  readonly deletionKind?: string | undefined;
  /** Decoded, in one line; empty where absent. */
  readonly subject: string;
  readonly body: ItemBody;
  readonly from?: Address | undefined;
  readonly sender?: Address | undefined;
  readonly to: readonly Address[];
  readonly cc: readonly Address[];
  readonly bcc: readonly Address[];
  readonly replyTo: readonly Address[];
  /** ISO 8601 UTC; absent where the Date header is absent, unreadable or absurd. */
  readonly sentAt?: string | undefined;
  /** With its angle brackets; absent where it is not well formed. */
  readonly messageId?: string | undefined;
  /** The original header block, at most `limits.transportHeaderBytes` of UTF-8, whole lines only. */
  readonly headerBlock: string;
  readonly attachments: readonly ItemAttachment[];
  readonly participants: readonly Participant[];
}
