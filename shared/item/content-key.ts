/**
 * The content key: what makes two items one, and the name under which a mailbox copy is found again.
 *
 * @module
 */
import { createHash } from 'node:crypto';

/** What the key is made of. */
export interface ContentKeyParts {
  /** Id of the archiver: two archivers that write into one mailbox have keys of their own. */
  readonly archiverId: string;
  /** TeleMessage's id of the message; compared exactly, apart from blanks around it. */
  readonly archiveMessageId?: string | undefined;
  readonly isDeletion: boolean;
  /**
   * From the parsed item. A message deleted for its sender and later for all gives two items with one id: both are kept. The same
   * deletion listed twice has the same words in its subject, so it stays one.
   */
  readonly deletionKind?: string | undefined;
  /** SHA-256 of the raw bytes, which counts where there is no id. */
  readonly sha256Hex: string;
}

/**
 * Makes the content key of an item.
 *
 * @returns 64 lower-case hex digits.
 */
export function contentKey(parts: ContentKeyParts): string {
  const id = parts.archiveMessageId?.trim() ?? '';
  const identity = id === '' ? ['sha256', parts.sha256Hex.toLowerCase()] : ['archive-message-id', id];
  const deletion = parts.isDeletion ? ['deletion', parts.deletionKind ?? ''] : [];
  // JSON keeps the parts apart: no id can be made to look like another archiver's item or like a deletion.
  return createHash('sha256')
    .update(JSON.stringify(['item', parts.archiverId, ...identity, ...deletion]))
    .digest('hex');
}
