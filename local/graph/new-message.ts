/**
 * Checks the bodies that create or change messages, first against the schema of Microsoft's own types,
 * then against the rules of Exchange that types cannot say.
 *
 * @module
 */
import type { InternetMessageHeader, Message, SingleValueLegacyExtendedProperty } from '@microsoft/microsoft-graph-types';
import { checkSchema, refuseReadOnly } from './check-schema.ts';
import { GraphError, notSimulated } from './graph-error.ts';
import type { GraphLimits } from './options.ts';
import { DELIVERY_TIME, MESSAGE_FLAGS, readExtendedProperties, SUBMIT_TIME } from './extended-properties.ts';
import { readAttachment, type NewAttachment } from './new-attachment.ts';

// Graph computes these. sentDateTime and receivedDateTime would be ignored, and the message dated today: the archiver must use
// SystemTime 0x0039 and 0x0E06.
const READ_ONLY = [
  'id',
  'changeKey',
  'createdDateTime',
  'lastModifiedDateTime',
  'parentFolderId',
  'webLink',
  'hasAttachments',
  'isDraft',
  'sentDateTime',
  'receivedDateTime',
  'bodyPreview',
  'uniqueBody',
  'conversationId',
];

function checkRecipients(message: Message): void {
  const { from, sender, toRecipients, ccRecipients, bccRecipients, replyTo } = message;
  const lists = [toRecipients, ccRecipients, bccRecipients, replyTo];
  for (const recipient of [from, sender, ...lists.flatMap((list) => list ?? [])]) {
    if (recipient === undefined || recipient === null) continue;
    const { address, name } = recipient.emailAddress ?? {};
    if (!address && !name)
      throw new GraphError(400, 'ErrorInvalidRecipients', 'A recipient needs an emailAddress with an address or a name.');
  }
}

function checkHeaders(headers: readonly InternetMessageHeader[]): void {
  if (headers.length < 1 || headers.length > 5) {
    throw new GraphError(
      400,
      'ErrorInvalidInternetHeaderCount',
      `internetMessageHeaders has ${headers.length} entries: 1 to 5 are accepted; leave it out for none.`,
    );
  }
  for (const { name, value } of headers) {
    if (!/^x-[!-9;-~]+$/i.test(name ?? ''))
      throw new GraphError(
        400,
        'InvalidInternetMessageHeader',
        `The internet message header name '${name}' should start with 'x-' or 'X-'.`,
      );
    if (/[\r\n\0]/.test(value ?? ''))
      throw new GraphError(400, 'InvalidInternetMessageHeader', `The value of the header '${name}' holds a line break.`);
  }
}

/** A create or an update that passed the checks. */
export interface CheckedMessage {
  readonly message: Message;
  readonly attachments: readonly NewAttachment[];
  /** Extended properties by canonical id. */
  readonly properties: ReadonlyMap<string, string>;
}

function readMessage(body: unknown, limits: GraphLimits): CheckedMessage {
  if (typeof body === 'object' && body !== null) refuseReadOnly(body, READ_ONLY);
  checkSchema('Message', body);
  const message = body as Message;
  for (const name of ['extensions', 'multiValueExtendedProperties'] as const) {
    if (message[name] !== undefined) throw notSimulated(`${name} of a message`);
  }
  // Exchange keeps 255 characters of a subject.
  if ((message.subject ?? '').length > 255)
    throw new GraphError(400, 'ErrorPropertyTooLarge', 'The subject is longer than 255 characters.');
  checkRecipients(message);
  if (message.internetMessageHeaders) checkHeaders(message.internetMessageHeaders);
  const properties = (message.singleValueExtendedProperties ?? []) as (SingleValueLegacyExtendedProperty & { id: string; value: string })[];
  return {
    message,
    attachments: (message.attachments ?? []).map((attachment) => readAttachment(attachment, limits)),
    properties: readExtendedProperties(properties),
  };
}

const UNSENT = 8;

/**
 * Checks the body of a create.
 *
 * @throws GraphError for anything that Graph refuses, and for UNSENT among the message flags: it would make a draft.
 */
export function readNewMessage(body: unknown, limits: GraphLimits): CheckedMessage {
  const checked = readMessage(body, limits);
  const flags = Number(checked.properties.get(MESSAGE_FLAGS) ?? 0);
  if (flags < 0 || (flags & UNSENT) !== 0)
    throw new GraphError(400, 'ErrorInvalidPropertySet', 'Message flags (0x0E07) with UNSENT (8) would make a draft.');
  return checked;
}

const CONTENT = [
  'subject',
  'body',
  'from',
  'sender',
  'toRecipients',
  'ccRecipients',
  'bccRecipients',
  'replyTo',
  'internetMessageId',
  'internetMessageHeaders',
] as const;

/**
 * Checks the body of a PATCH.
 *
 * @throws GraphError 400 for message flags, which Exchange takes at create only, and 403 for content of a message that is no draft.
 */
export function readMessageChange(body: unknown, isDraft: boolean, limits: GraphLimits): CheckedMessage {
  const checked = readMessage(body, limits);
  if (checked.message.attachments !== undefined)
    throw new GraphError(400, 'ErrorInvalidPropertySet', 'Attachments cannot be changed through the message.');
  if (checked.properties.has(MESSAGE_FLAGS))
    throw new GraphError(400, 'ErrorInvalidPropertySet', 'Message flags (0x0E07) can be set when the message is created only.');
  if (
    !isDraft &&
    (CONTENT.some((name) => Object.hasOwn(checked.message, name)) || [DELIVERY_TIME, SUBMIT_TIME].some((id) => checked.properties.has(id)))
  ) {
    throw new GraphError(403, 'ErrorAccessDenied', 'Changing the content of a message that is not a draft needs Mail-Advanced.ReadWrite.');
  }
  return checked;
}
