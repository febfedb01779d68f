/**
 * Requests for attachments of a message, and for the upload sessions of large ones.
 *
 * @module
 */
import type { DirectoryEntry } from './directory.ts';
import { itemNotFound, type Answer } from './graph-error.ts';
import { param, readJsonObject, type GraphContext, type GraphRequest } from './graph-request.ts';
import type { Mailbox } from './mailbox.ts';
import { readNewAttachment, readUploadItem } from './new-attachment.ts';
import { attachmentSelect, attachmentViews } from './message-view.ts';
import { collection, cutPage, readOptions } from './odata.ts';
import type { StoredAttachment } from './stored-message.ts';

/** `GET …/attachments`. */
export async function listAttachments(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  const options = readOptions(request, ['$select', '$top', '$skip']);
  const select = attachmentSelect(options.$select);
  const message = await mailbox.readMessage(param(request, 'message'));
  const page = cutPage(request, message.attachments, options, limits.pageItems);
  return { status: 200, body: collection(await attachmentViews(mailbox, message.id, page.items, select, limits), page.nextLink) };
}

async function findAttachment(request: GraphRequest, mailbox: Mailbox): Promise<{ messageId: string; attachment: StoredAttachment }> {
  const message = await mailbox.readMessage(param(request, 'message'));
  const attachment = message.attachments.find(({ id }) => id === param(request, 'attachment'));
  if (attachment === undefined) throw itemNotFound();
  return { messageId: message.id, attachment };
}

/** `GET …/attachments/{attachment}`. */
export async function getAttachment(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  const select = attachmentSelect(readOptions(request, ['$select']).$select);
  const { messageId, attachment } = await findAttachment(request, mailbox);
  return { status: 200, body: (await attachmentViews(mailbox, messageId, [attachment], select, limits))[0] };
}

/** `GET …/attachments/{attachment}/$value`: the bytes. */
export async function getAttachmentBytes(request: GraphRequest, _context: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const { messageId, attachment } = await findAttachment(request, mailbox);
  // Not the attachment's own type: a browser that opens the answer must not run it.
  return { status: 200, file: { path: mailbox.attachmentPath(messageId, attachment), contentType: 'application/octet-stream' } };
}

/** `POST …/attachments`: a small one. */
export async function addAttachment(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const attachment = readNewAttachment(readJsonObject(request), limits);
  const messageId = param(request, 'message');
  const stored = await mailbox.addAttachment(messageId, attachment);
  return { status: 201, body: (await attachmentViews(mailbox, messageId, [stored], undefined, limits))[0] };
}

/** `POST …/attachments/createUploadSession`. */
export async function createUpload(request: GraphRequest, context: GraphContext, mailbox: Mailbox, owner: DirectoryEntry): Promise<Answer> {
  readOptions(request, []);
  const item = readUploadItem(readJsonObject(request), context.limits);
  const message = await mailbox.readMessage(param(request, 'message'));
  return { status: 201, body: await context.uploads.open(mailbox, owner.id, message.id, item) };
}
