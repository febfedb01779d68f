/**
 * Reads the identity of an item that is too large to be parsed from its first bytes.
 *
 * @module
 */
import { limits } from '../limits.ts';
import { readArchiveMessageId, readSubject } from './parse-item.ts';
import { findLineBreak, HeaderFields, readHeader } from './read-header.ts';
import { recogniseDeletion, type Deletion } from './recognise-deletion.ts';

/** What makes an item the same item when it is listed again. */
export interface ItemIdentity extends Deletion {
  readonly archiveMessageId?: string | undefined;
}

/**
 * Reads the identity.
 *
 * A journal-wrapped item gives none, since its original's headers lie inside: its key is then that of its bytes, and becomes that of its
 * `ArchiveMessageID` when the limit is raised and the item is parsed.
 *
 * @param head - The first `limits.identityHeaderBytes` of the item, or all of a shorter one.
 */
export function readIdentity(head: Uint8Array): ItemIdentity {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, limits.identityHeaderBytes));
  const lineBreak = findLineBreak(bytes);
  const header = readHeader(bytes, 0, lineBreak);
  let { fields } = header;
  if (!header.isWhole && head.byteLength >= limits.identityHeaderBytes) {
    // The bytes end inside the header block: its last field may be half of one, and half an id is another item's.
    const block = bytes.toString('latin1', header.start, header.end);
    const lastField = Math.max(0, ...[...block.matchAll(/[\r\n](?=[^ \t\r\n])/g)].slice(-1).map((match) => match.index));
    fields = new HeaderFields(block.slice(0, lastField), String.fromCharCode(lineBreak));
  }
  return {
    archiveMessageId: readArchiveMessageId(fields),
    ...recogniseDeletion(readSubject(fields), fields.first('x-telemessage-status')),
  };
}
