/**
 * Messages and attachments as Graph shows them: the default properties, or those selected and expanded.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { canonicalPropertyId } from './extended-properties.ts';
import { GraphError } from './graph-error.ts';
import { wantsTextBody } from './graph-request.ts';
import type { Mailbox } from './mailbox.ts';
import { parseSelect, pick } from './odata.ts';
import { parseExpand, type MessageExpansion } from './odata-filters.ts';
import type { GraphLimits } from './options.ts';
import type { StoredAttachment, StoredMessage } from './stored-message.ts';

const DEFAULT_PROPERTIES = [
  'id',
  'createdDateTime',
  'lastModifiedDateTime',
  'changeKey',
  'categories',
  'receivedDateTime',
  'sentDateTime',
  'hasAttachments',
  'internetMessageId',
  'subject',
  'bodyPreview',
  'importance',
  'parentFolderId',
  'conversationId',
  'conversationIndex',
  'isDeliveryReceiptRequested',
  'isReadReceiptRequested',
  'isRead',
  'isDraft',
  'webLink',
  'inferenceClassification',
  'body',
  'sender',
  'from',
  'toRecipients',
  'ccRecipients',
  'bccRecipients',
  'replyTo',
  'flag',
];
// Graph gives the header fields only when they are selected, and extended properties and attachments only when they are expanded.
const SELECTABLE: ReadonlySet<string> = new Set([...DEFAULT_PROPERTIES, 'internetMessageHeaders']);

// contentId and contentBytes belong to fileAttachment, not to attachment: Graph refuses $select=contentBytes on the collection.
const ATTACHMENT_SELECTABLE: ReadonlySet<string> = new Set(['id', 'lastModifiedDateTime', 'name', 'contentType', 'size', 'isInline']);

// Largest sum of attachments that is answered as base64 in one body; more is a mistake of the caller, who wants $select or $value.
const ANSWER_BYTES = 32 * 1024 * 1024;

/** The `$select` of a message. */
export function messageSelect(text: string | undefined): ReadonlySet<string> | undefined {
  return parseSelect(text, SELECTABLE, 'microsoft.graph.message');
}

/** The `$select` of attachments. */
export function attachmentSelect(text: string | undefined): ReadonlySet<string> | undefined {
  return parseSelect(text, ATTACHMENT_SELECTABLE, 'microsoft.graph.attachment');
}

/** Attachments as Graph shows them, with their bytes unless `select` leaves those out. */
export async function attachmentViews(
  mailbox: Mailbox,
  messageId: string,
  attachments: readonly StoredAttachment[],
  select: ReadonlySet<string> | undefined,
  limits: GraphLimits,
): Promise<object[]> {
  if (select === undefined && attachments.reduce((sum, { size }) => sum + size, 0) > ANSWER_BYTES) {
    throw new GraphError(
      400,
      'ErrorResponseTooLarge',
      'The attachments are too large for one answer: leave contentBytes out with $select, or read …/$value.',
    );
  }
  const views: object[] = [];
  for (const stored of attachments) {
    const { sha256: _sha256, file: _file, ...shown } = stored;
    const all = { ...shown, '@odata.mediaContentType': stored.contentType, size: stored.size + limits.attachmentOverheadBytes };
    const head = ['@odata.type', '@odata.mediaContentType', 'id'];
    if (select !== undefined) views.push(pick(all, new Set([...head, ...select])));
    else views.push({ ...all, contentBytes: await readFile(mailbox.attachmentPath(messageId, stored), 'base64') });
  }
  return views;
}

/** What a request wants to see of a message. */
export interface MessageShape {
  readonly select: ReadonlySet<string> | undefined;
  readonly expansion: MessageExpansion;
  /** Whether the body is wanted as text, whatever it was sent as. */
  readonly textBody: boolean;
}

/** Reads `$select`, `$expand` and what the headers say of the body. */
export function messageShape(
  options: { readonly $select?: string; readonly $expand?: string },
  headers: IncomingHttpHeaders,
): MessageShape {
  return { select: messageSelect(options.$select), expansion: parseExpand(options.$expand), textBody: wantsTextBody(headers) };
}

/**
 * A body as Exchange gives it back: with its own line ends, one more at the end of a text, and HTML in a document of its own. A client that
 * wants the very characters back is wrong.
 */
function bodyView({ contentType, content }: StoredMessage['body'], asText: boolean): StoredMessage['body'] {
  const lines = content.replace(/\r?\n/g, '\r\n');
  if (contentType !== 'html') return { contentType, content: `${lines}\r\n` };
  if (asText) return { contentType: 'text', content: `${lines.replace(/<[^<>]*>/g, '')}\r\n` };
  const inner = /<body(?:\s[^<>]*)?>(.*)<\/body\s*>/is.exec(lines)?.[1] ?? lines;
  const head = '<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8"><style>p { margin: 0 }</style></head>';
  return { contentType, content: `<html>${head}<body>\r\n${inner}\r\n</body></html>` };
}

/** A message as Graph shows it. */
export async function messageView(mailbox: Mailbox, message: StoredMessage, shape: MessageShape, limits: GraphLimits): Promise<object> {
  const { select, expansion, textBody } = shape;
  // The id and the version of an Outlook entity are given whatever is selected.
  const view = pick(message, new Set(['@odata.etag', 'id', ...(select ?? DEFAULT_PROPERTIES)]));
  if (view['body'] !== undefined) view['body'] = bodyView(message.body, textBody);
  if (expansion.propertyIds !== undefined) {
    const wanted = new Map(expansion.propertyIds.map((id) => [canonicalPropertyId(id), id]));
    const found = message.singleValueExtendedProperties.filter(({ id }) => wanted.has(canonicalPropertyId(id)));
    // Graph leaves the collection out where no property matches.
    if (found.length > 0) view['singleValueExtendedProperties'] = found;
  }
  if (expansion.attachments !== undefined) {
    view['attachments'] = await attachmentViews(
      mailbox,
      message.id,
      message.attachments,
      attachmentSelect(expansion.attachments.select),
      limits,
    );
  }
  return view;
}
