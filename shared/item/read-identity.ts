/**
 * Reads from its first bytes what has to be known of an item that is not parsed: its identity, and who took part in it.
 *
 * @module
 */
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import { readArchiveMessageId, readSubject, type ParseOptions } from './parse-item.ts';
import type { Participant } from './parsed-item.ts';
import { readAddresses } from './read-addresses.ts';
import { findLineBreak, HeaderFields, readHeader } from './read-header.ts';
import { readParticipants } from './read-participants.ts';
import { recogniseDeletion, type Deletion } from './recognise-deletion.ts';

/** What makes an item the same item when it is listed again. */
export interface ItemIdentity extends Deletion {
  readonly archiveMessageId?: string | undefined;
}

/**
 * The header fields of the head of an item. Where the bytes end inside the header block, its last field may be half of one, and half an id
 * is another item's: it is left out.
 */
function readFields(head: Uint8Array): HeaderFields {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, limits.identityHeaderBytes));
  const lineBreak = findLineBreak(bytes);
  const header = readHeader(bytes, 0, lineBreak);
  if (header.isWhole || head.byteLength < limits.identityHeaderBytes) return header.fields;
  const block = bytes.toString('latin1', header.start, header.end);
  const lastField = Math.max(0, ...[...block.matchAll(/[\r\n](?=[^ \t\r\n])/g)].slice(-1).map((match) => match.index));
  return new HeaderFields(block.slice(0, lastField), String.fromCharCode(lineBreak));
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
  const fields = readFields(head);
  return {
    archiveMessageId: readArchiveMessageId(fields),
    ...recogniseDeletion(readSubject(fields), fields.first('x-telemessage-status')),
  };
}

/**
 * Reads who took part, for a report alone: nobody is mapped by it.
 *
 * @param head - As for {@link readIdentity}.
 * @returns nobody where the head names nobody, or more people than one item may have.
 */
export function readHeadParticipants(head: Uint8Array, { userEmailHeader }: ParseOptions): Participant[] {
  const fields = readFields(head);
  const read = (name: string) => readAddresses(fields.all(name));
  try {
    return readParticipants({ from: read('from'), to: read('to'), cc: read('cc'), property: read(userEmailHeader.toLowerCase()) });
  } catch (error) {
    // The item is parked for a reason of its own, which must not be lost for want of its numbers.
    if (error instanceof PermanentError) return [];
    throw error;
  }
}
