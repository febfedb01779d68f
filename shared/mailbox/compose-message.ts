/**
 * Makes the message of an item as Graph takes it: one JSON text for all its mailboxes, and the attachments that are too large for it.
 *
 * @module
 */
import type { Message, NullableOption, Recipient } from '@microsoft/microsoft-graph-types';
import type { ArchiverProfile } from '../archivers.ts';
import type { Address, ItemAttachment } from '../item/parsed-item.ts';
import { cutText } from '../item/decode-text.ts';
import { limits } from '../limits.ts';
import type { ImportableItem } from './mailbox-importer.ts';

/** Named property with the content key: the identity of the copy. */
export const ITEM_KEY_PROPERTY = 'String {6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name ArchiveItemKey';
/** Named property with the SHA-256 of the raw item, which is the evidence. */
export const ITEM_SHA256_PROPERTY = 'String {6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name ArchiveItemSha256';

/** PidTagMessageFlags: 1 = read, and without 8 (unsent) the item is not a draft. Graph honours it at create only. */
const MESSAGE_FLAGS_PROPERTY = 'Integer 0x0E07';
const DELIVERY_TIME_PROPERTY = 'SystemTime 0x0E06';
const SUBMIT_TIME_PROPERTY = 'SystemTime 0x0039';
const MESSAGE_CLASS_PROPERTY = 'String 0x001A';
const TRANSPORT_HEADERS_PROPERTY = 'String 0x007D';

/** What of a message a person sees, as it was sent. A copy is compared with it later, so nothing large belongs here but the body. */
export type SentContent = Pick<Message, 'subject' | 'body' | 'from' | 'sender' | 'toRecipients' | 'ccRecipients' | 'internetMessageId'>;

/** A message ready to be created in any mailbox. */
export interface ComposedMessage {
  readonly contentKey: string;
  readonly sha256: string;
  /** Sending time as the mailbox will show it, ISO 8601 UTC. */
  readonly sentAt: string;
  readonly sent: SentContent;
  /** The body of the create request. */
  readonly json: string;
  /** All attachments that the copy has in the end. */
  readonly attachments: readonly ItemAttachment[];
  /** Those of them that are not in the create request. */
  readonly uploads: readonly ItemAttachment[];
}

function recipient({ name, address }: Address): Recipient {
  return { emailAddress: { ...(name === '' ? {} : { name }), ...(address === '' ? {} : { address }) } };
}

function recipients(addresses: readonly Address[]): Recipient[] {
  return addresses.filter(({ name, address }) => name !== '' || address !== '').map(recipient);
}

/** An attachment as Graph takes it inside JSON. */
export function fileAttachment(attachment: ItemAttachment): object {
  const { name, contentType, content, contentId, isInline } = attachment;
  return {
    '@odata.type': '#microsoft.graph.fileAttachment',
    name,
    contentType,
    isInline,
    ...(contentId === undefined ? {} : { contentId }),
    contentBytes: Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('base64'),
  };
}

/** The raw item as an attachment of its own copy. */
export function originalAttachment(raw: Uint8Array): ItemAttachment {
  return { name: 'original.eml', contentType: 'message/rfc822', content: raw, isInline: false };
}

/** A body that no create request can carry travels whole as the first attachment, and the message says so. */
function splitBody(body: ImportableItem['parsed']['body']): { body: Message['body']; attachment?: ItemAttachment } {
  const { contentType, content } = body;
  // As JSON it is longer: every quote and line break takes two bytes, and the limit is that of the request.
  if (Buffer.byteLength(JSON.stringify(content)) <= limits.inlineBodyBytes) return { body: { contentType, content } };
  const [name, type] = contentType === 'html' ? ['message-body.html', 'text/html'] : ['message-body.txt', 'text/plain'];
  return {
    body: { contentType: 'text', content: `The text of this message is too long to be shown here. It is attached whole as ${name}.` },
    attachment: { name, contentType: `${type}; charset=utf-8`, content: Buffer.from(content), isInline: false },
  };
}

/** Bytes that an attachment takes in the request, with the comma before it, without making its base64. */
function requestBytes(attachment: ItemAttachment): number {
  const frame = JSON.stringify(fileAttachment({ ...attachment, content: new Uint8Array() }));
  return Buffer.byteLength(frame) + 1 + 4 * Math.ceil(attachment.content.byteLength / 3);
}

/** Keeps the small attachments in the request as long as they fit; the others are uploaded. @param room - Bytes that the rest of the request leaves. */
function splitAttachments(attachments: readonly ItemAttachment[], room: number): { inline: ItemAttachment[]; uploads: ItemAttachment[] } {
  const inline: ItemAttachment[] = [];
  const uploads: ItemAttachment[] = [];
  let bytes = 0;
  let left = room;
  for (const attachment of attachments) {
    const size = requestBytes(attachment);
    if (bytes + attachment.content.byteLength <= limits.inlineAttachmentBytes && size <= left) {
      bytes += attachment.content.byteLength;
      left -= size;
      inline.push(attachment);
    } else {
      uploads.push(attachment);
    }
  }
  return { inline, uploads };
}

/**
 * Composes the message.
 *
 * @param attachOriginal - Also attaches the raw item as it came.
 */
export function composeMessage(item: ImportableItem, profile: ArchiverProfile, attachOriginal: boolean): ComposedMessage {
  const { parsed } = item;
  const sentAt = parsed.sentAt ?? new Date(item.arrivedAt).toISOString();
  const { body, attachment: bodyAttachment } = splitBody(parsed.body);
  const attachments = [
    ...(bodyAttachment === undefined ? [] : [bodyAttachment]),
    ...parsed.attachments,
    ...(attachOriginal ? [originalAttachment(item.raw)] : []),
  ];
  const property = (id: string, value: string) => ({ id, value });
  const sent: SentContent = {
    subject: cutText(parsed.subject, limits.subjectCharacters),
    ...(body === undefined ? {} : { body }),
    ...(parsed.from === undefined ? {} : { from: recipient(parsed.from), sender: recipient(parsed.sender ?? parsed.from) }),
    toRecipients: recipients(parsed.to),
    ccRecipients: recipients(parsed.cc),
    ...(parsed.messageId === undefined ? {} : { internetMessageId: parsed.messageId }),
  };
  const message: Message = {
    ...sent,
    bccRecipients: recipients(parsed.bcc),
    replyTo: recipients(parsed.replyTo),
    isRead: true,
    attachments: [],
    singleValueExtendedProperties: [
      property(MESSAGE_FLAGS_PROPERTY, '1'),
      property(DELIVERY_TIME_PROPERTY, sentAt),
      property(SUBMIT_TIME_PROPERTY, sentAt),
      property(MESSAGE_CLASS_PROPERTY, profile.messageClass),
      ...(parsed.headerBlock === '' ? [] : [property(TRANSPORT_HEADERS_PROPERTY, parsed.headerBlock)]),
      property(ITEM_KEY_PROPERTY, item.contentKey),
      property(ITEM_SHA256_PROPERTY, item.sha256),
    ],
  };
  // 1.0 MB of text, 2.0 MB of pictures and 1,450 recipients with long names are more than Graph takes, although each of them fits.
  const room = limits.createRequestBytes - Buffer.byteLength(JSON.stringify(message));
  const { inline, uploads } = splitAttachments(attachments, room);
  // The types know no fields of fileAttachment here: Graph tells the kinds apart by @odata.type.
  message.attachments = inline.map(fileAttachment) as NullableOption<NonNullable<Message['attachments']>>;
  return { contentKey: item.contentKey, sha256: item.sha256, sentAt, sent, json: JSON.stringify(message), attachments, uploads };
}
