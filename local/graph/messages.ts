/**
 * Requests for messages: create, find, list, get, change, move, delete.
 *
 * @module
 */
import { canonicalPropertyId, isNamedProperty } from './extended-properties.ts';
import { folderOf } from './folders.ts';
import { findByProperty, findByTime, type Folder } from './folder-index.ts';
import { badBody, GraphError, itemNotFound, notSimulated, type Answer } from './graph-error.ts';
import { param, readJsonObject, wantsImmutableIds, type GraphContext, type GraphRequest } from './graph-request.ts';
import type { Mailbox } from './mailbox.ts';
import { readMessageChange, readNewMessage } from './new-message.ts';
import { messageShape, messageView } from './message-view.ts';
import { collection, cutPage, readOptions } from './odata.ts';
import { parseMessageFilter } from './odata-filters.ts';
import { changeMessage, makeMessage } from './stored-message.ts';

const WHOLE = messageShape({}, {});

/** `POST …/mailFolders/{folder}/messages`. */
export async function createMessage(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const checked = readNewMessage(readJsonObject(request), limits);
  const folder = folderOf(request, mailbox);
  const message = makeMessage(checked, folder.id, wantsImmutableIds(request.headers));
  const stored = await mailbox.addMessage(folder, message, checked.attachments);
  return { status: 201, body: await messageView(mailbox, stored, WHOLE, limits) };
}

function filtered(folder: Folder, filter: string): readonly string[] {
  const wanted = parseMessageFilter(filter);
  if ('from' in wanted) return findByTime(folder, wanted.from, wanted.before);
  const canonical = canonicalPropertyId(wanted.id);
  if (!isNamedProperty(canonical)) throw notSimulated('$filter on an extended property that is not a named one');
  return findByProperty(folder, canonical, wanted.value);
}

/** `GET …/mailFolders/{folder}/messages`, with or without a `$filter` on a named property or on the time. */
export async function listMessages(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  const options = readOptions(request, ['$filter', '$select', '$top', '$skip', '$expand', '$count']);
  const folder = folderOf(request, mailbox);
  const shape = messageShape(options, request.headers);
  const ids = options.$filter === undefined ? [...folder.messages.keys()] : filtered(folder, options.$filter);
  const page = cutPage(request, ids, options, limits.pageItems);
  const views: object[] = [];
  for (const id of page.items) {
    try {
      views.push(await messageView(mailbox, await mailbox.readMessage(id), shape, limits));
    } catch (error) {
      // Deleted since the page was cut: then it is not in the list.
      if (!(error instanceof GraphError && error.status === 404)) throw error;
    }
  }
  return { status: 200, body: collection(views, page.nextLink, options.$count === 'true' ? ids.length : undefined) };
}

/** `GET …/messages/{message}`. */
export async function getMessage(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  const shape = messageShape(readOptions(request, ['$select', '$expand']), request.headers);
  const message = await mailbox.readMessage(param(request, 'message'));
  return { status: 200, body: await messageView(mailbox, message, shape, limits) };
}

/** `PATCH …/messages/{message}`. */
export async function updateMessage(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const body = readJsonObject(request);
  const changed = await mailbox.updateMessage(param(request, 'message'), (message) =>
    changeMessage(message, readMessageChange(body, message.isDraft, limits)),
  );
  return { status: 200, body: await messageView(mailbox, changed, WHOLE, limits) };
}

/** `POST …/messages/{message}/move`. Without immutable ids the moved message gets a new id, as it does in Exchange. */
export async function moveMessage(request: GraphRequest, { limits }: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const { destinationId, ...others } = readJsonObject(request);
  if (typeof destinationId !== 'string' || Object.keys(others).length > 0)
    throw badBody('Expected { "destinationId": "<id or well-known name of a folder>" }.');
  const destination = mailbox.folder(destinationId);
  if (destination === undefined) throw itemNotFound();
  const moved = await mailbox.moveMessage(param(request, 'message'), destination, wantsImmutableIds(request.headers));
  return { status: 201, body: await messageView(mailbox, moved, WHOLE, limits) };
}

/** `DELETE …/messages/{message}`. */
export async function deleteMessage(request: GraphRequest, _context: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  await mailbox.deleteMessage(param(request, 'message'));
  return { status: 204 };
}
