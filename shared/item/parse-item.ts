/**
 * Parses one item: an e-mail message as TeleMessage hands it over, well formed or hostile.
 *
 * @module
 */
import { limits } from '../limits.ts';
import { cleanLine, cleanText, decodeHeaderBlock, decodeHeaderText } from './decode-text.ts';
import { decodeWords } from './decode-words.ts';
import { locateParts, type LocatedMessage } from './locate-parts.ts';
import type { ParsedItem } from './parsed-item.ts';
import { readAddresses } from './read-addresses.ts';
import { readBody } from './read-body.ts';
import { readDate } from './read-date.ts';
import type { HeaderFields } from './read-header.ts';
import { readParticipants } from './read-participants.ts';
import { recogniseDeletion } from './recognise-deletion.ts';
import { findCharset, readAttachments, sortParts } from './sort-parts.ts';
import { unwrapJournal } from './unwrap-journal.ts';

/** Settings that decide how an item is read. */
export interface ParseOptions {
  /** Name of the header with the "User's Email address" property, in any case (setting USER_EMAIL_HEADER). */
  readonly userEmailHeader: string;
}

/** Raw characters of a subject that are decoded; one character takes at most 64 in encoded words. Decoding 2 MB of them takes 14 s. */
const SUBJECT_CHARACTERS = limits.subjectCharacters * 64;

/** RFC 5322, section 2.1.1: no line is longer. */
const MESSAGE_ID_CHARACTERS = 998;

/** The subject of a header, decoded, in one line. */
export function readSubject(fields: HeaderFields, charset?: string): string {
  return cleanLine(decodeWords(decodeHeaderText((fields.first('subject') ?? '').slice(0, SUBJECT_CHARACTERS), charset)));
}

/** TeleMessage's own id of the message, trimmed; `undefined` where there is none or it is empty. */
export function readArchiveMessageId(fields: HeaderFields): string | undefined {
  return fields.all('x-telemessage-archivemessageid').find((id) => id !== '');
}

function readMessageId(fields: HeaderFields): string | undefined {
  const id = /^<[!-;=?A-~]+@[!-;=?A-~]+>/.exec((fields.first('message-id') ?? '').slice(0, MESSAGE_ID_CHARACTERS + 1))?.[0];
  return id !== undefined && id.length <= MESSAGE_ID_CHARACTERS ? id : undefined;
}

function readHeaderBlock(message: LocatedMessage): string {
  const text = cleanText(decodeHeaderBlock(message.headerBytes));
  if (Buffer.byteLength(text) <= limits.transportHeaderBytes) return text;
  const bytes = Buffer.from(text).subarray(0, limits.transportHeaderBytes);
  return bytes.subarray(0, Math.max(bytes.lastIndexOf('\n'), bytes.lastIndexOf('\r')) + 1).toString();
}

/**
 * Parses an item.
 *
 * @param raw - The bytes of the item. Attachments may be views of them: leave them unchanged.
 * @returns all that a mailbox copy is made of. What cannot be understood is left out or decoded as well as it goes; bytes that are no
 *   message at all give an item without participants.
 * @throws PermanentError `unreadable` or `too-many-participants`, naming the limit that the item exceeds; nothing else.
 */
export async function parseItem(raw: Uint8Array, options: ParseOptions): Promise<ParsedItem> {
  const { message, envelopeFiles } = unwrapJournal(locateParts(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)));
  const { fields } = message.header;
  const { texts, files } = sortParts(message.parts);
  const charset = findCharset(texts);
  const read = (name: string) => readAddresses(fields.all(name), charset);
  const from = read('from');
  const to = read('to');
  const cc = read('cc');
  const subject = readSubject(fields, charset);
  const { body, longTexts } = readBody(texts, charset);
  return {
    archiveMessageId: readArchiveMessageId(fields),
    ...recogniseDeletion(subject, fields.first('x-telemessage-status')),
    subject,
    body,
    from: from[0],
    sender: read('sender')[0],
    to,
    cc,
    bcc: read('bcc'),
    replyTo: read('reply-to'),
    sentAt: readDate(fields.first('date') ?? ''),
    messageId: readMessageId(fields),
    headerBlock: readHeaderBlock(message),
    attachments: [...longTexts, ...readAttachments([...files, ...envelopeFiles], body, charset)],
    participants: readParticipants({ from, to, cc, property: read(options.userEmailHeader.toLowerCase()) }),
  };
}
