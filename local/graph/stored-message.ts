/**
 * A message as the mailbox holds it: what is kept on disk, made of what was sent.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Message } from '@microsoft/microsoft-graph-types';
import type { CheckedMessage } from './new-message.ts';
import { canonicalPropertyId, DELIVERY_TIME, MESSAGE_FLAGS, SUBMIT_TIME } from './extended-properties.ts';

/** An attachment as the message's JSON on disk describes it; the bytes are in `file` beside it. */
export interface StoredAttachment {
  readonly '@odata.type': '#microsoft.graph.fileAttachment';
  readonly id: string;
  readonly lastModifiedDateTime: string;
  /** The true name, as it was sent. */
  readonly name: string;
  readonly contentType: string | null;
  /** Bytes of the file. */
  readonly size: number;
  readonly isInline: boolean;
  readonly contentId: string | null;
  readonly contentLocation: null;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Name of the file in the message's folder on disk. */
  readonly file: string;
}

/** A property value as it was sent. */
export interface StoredProperty {
  readonly id: string;
  readonly value: string;
}

/** A message on disk. The remaining properties are Graph's own. */
export interface StoredMessage {
  readonly id: string;
  readonly changeKey: string;
  readonly lastModifiedDateTime: string;
  readonly parentFolderId: string;
  readonly receivedDateTime: string;
  readonly body: { readonly contentType: string; readonly content: string };
  readonly isDraft: boolean;
  readonly isRead: boolean;
  readonly singleValueExtendedProperties: readonly StoredProperty[];
  readonly attachments: readonly StoredAttachment[];
  readonly [property: string]: unknown;
}

/** A new id in the form of Exchange's: long, case-sensitive, with `-`, `_` and `=`, so that it must be encoded and compared with care. */
export function newId(prefix: string): string {
  return `${prefix}${randomBytes(35).toString('base64url')}=`;
}

const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');
const inSeconds = (time: string): string => time.replace(/\.\d+Z$/, 'Z');

/** The first 255 characters as text; only the beginning is looked at, a body may be a megabyte of `<`. */
function previewOf(body: Message['body']): string {
  const beginning = (body?.content ?? '').slice(0, 2048);
  const text = body?.contentType === 'html' ? beginning.replace(/<[^<>]*>/g, ' ') : beginning;
  return text.replace(/\s+/g, ' ').trim().slice(0, 255);
}

/** Whether Graph shows the paper clip: inline pictures do not count. */
export function hasVisibleAttachments(attachments: readonly { readonly isInline: boolean }[]): boolean {
  return attachments.some((attachment) => !attachment.isInline);
}

/** A message without what only its place on disk decides. */
export type UnplacedMessage = Omit<StoredMessage, 'attachments'>;

const READ = 1;

/**
 * The message that a create makes. It is a draft unless message flags (0x0E07) are given; its dates are those of 0x0E06 and 0x0039, else now.
 */
export function makeMessage(
  { message, attachments, properties }: CheckedMessage,
  parentFolderId: string,
  immutableId: boolean,
): UnplacedMessage {
  const time = now();
  const flags = properties.get(MESSAGE_FLAGS);
  const isDraft = flags === undefined;
  return {
    '@odata.etag': `W/"${randomBytes(12).toString('base64')}"`,
    id: newId(immutableId ? 'AAkALg' : 'AAMkAD'),
    createdDateTime: time,
    lastModifiedDateTime: time,
    changeKey: randomBytes(12).toString('base64'),
    categories: message.categories ?? [],
    receivedDateTime: inSeconds(properties.get(DELIVERY_TIME) ?? time),
    sentDateTime: inSeconds(properties.get(SUBMIT_TIME) ?? time),
    hasAttachments: hasVisibleAttachments(attachments),
    internetMessageId: message.internetMessageId ?? `<${randomBytes(12).toString('hex')}@simulated.invalid>`,
    subject: message.subject ?? '',
    bodyPreview: previewOf(message.body),
    importance: message.importance ?? 'normal',
    parentFolderId,
    conversationId: randomBytes(24).toString('base64url'),
    conversationIndex: message.conversationIndex ?? null,
    isDeliveryReceiptRequested: message.isDeliveryReceiptRequested ?? false,
    isReadReceiptRequested: message.isReadReceiptRequested ?? false,
    isRead: message.isRead ?? (isDraft || (Number(flags) & READ) !== 0),
    isDraft,
    webLink: 'https://outlook.office365.com/owa/',
    inferenceClassification: message.inferenceClassification ?? 'focused',
    body: { contentType: message.body?.contentType ?? 'text', content: message.body?.content ?? '' },
    sender: message.sender ?? message.from ?? null,
    from: message.from ?? message.sender ?? null,
    toRecipients: message.toRecipients ?? [],
    ccRecipients: message.ccRecipients ?? [],
    bccRecipients: message.bccRecipients ?? [],
    replyTo: message.replyTo ?? [],
    flag: message.flag ?? { flagStatus: 'notFlagged' },
    internetMessageHeaders: message.internetMessageHeaders ?? [],
    singleValueExtendedProperties: (message.singleValueExtendedProperties ?? []).map(({ id, value }) => ({
      id: id ?? '',
      value: value ?? '',
    })),
  };
}

/** The message with a new version. */
export function touched(message: StoredMessage, changes: Readonly<Record<string, unknown>>): StoredMessage {
  const version = {
    lastModifiedDateTime: now(),
    changeKey: randomBytes(12).toString('base64'),
    '@odata.etag': `W/"${randomBytes(12).toString('base64')}"`,
  };
  return { ...message, ...changes, ...version };
}

/** The message after a PATCH that passed the checks. */
export function changeMessage(stored: StoredMessage, { message, properties }: CheckedMessage): StoredMessage {
  const { singleValueExtendedProperties: sent, ...plain } = message;
  const kept = stored.singleValueExtendedProperties.filter(({ id }) => !properties.has(canonicalPropertyId(id)));
  const delivered = properties.get(DELIVERY_TIME);
  const submitted = properties.get(SUBMIT_TIME);
  return touched(stored, {
    ...plain,
    ...(message.body === undefined ? {} : { bodyPreview: previewOf(message.body) }),
    ...(delivered === undefined ? {} : { receivedDateTime: inSeconds(delivered) }),
    ...(submitted === undefined ? {} : { sentDateTime: inSeconds(submitted) }),
    singleValueExtendedProperties: [...kept, ...(sent ?? []).map(({ id, value }) => ({ id: id ?? '', value: value ?? '' }))],
  });
}
