/**
 * Requests for mail folders.
 *
 * @module
 */
import { isWithin, TOP_FOLDER, type Folder } from './folder-index.ts';
import { badBody, GraphError, itemNotFound, type Answer } from './graph-error.ts';
import { param, readJsonObject, type GraphContext, type GraphRequest } from './graph-request.ts';
import type { Mailbox } from './mailbox.ts';
import { collection, cutPage, parseSelect, pick, readOptions } from './odata.ts';
import { parseDisplayNameFilter } from './odata-filters.ts';

const PROPERTIES = ['id', 'displayName', 'parentFolderId', 'childFolderCount', 'unreadItemCount', 'totalItemCount', 'isHidden'];
const KNOWN: ReadonlySet<string> = new Set(PROPERTIES);

function folderView(mailbox: Mailbox, folder: Folder, select: ReadonlySet<string> | undefined): object {
  const all = {
    id: folder.id,
    displayName: folder.displayName,
    parentFolderId: folder.parentId,
    childFolderCount: mailbox.folders().filter(({ parentId, isHidden }) => parentId === folder.id && !isHidden).length,
    unreadItemCount: [...folder.messages.values()].filter((entry) => !entry.isRead).length,
    totalItemCount: folder.messages.size,
    isHidden: folder.isHidden,
  };
  // Graph gives the id of an Outlook entity whatever is selected.
  return pick(all, select === undefined ? PROPERTIES : new Set(['id', ...select]));
}

/** The folder that a request names. */
export function folderOf(request: GraphRequest, mailbox: Mailbox, name = param(request, 'folder')): Folder {
  const folder = mailbox.folder(name);
  if (folder === undefined) throw itemNotFound();
  return folder;
}

function onlySelect(request: GraphRequest): ReadonlySet<string> | undefined {
  return parseSelect(readOptions(request, ['$select']).$select, KNOWN, 'microsoft.graph.mailFolder');
}

/** `GET …/mailFolders/{folder}`. */
export function getFolder(request: GraphRequest, _context: GraphContext, mailbox: Mailbox): Answer {
  return { status: 200, body: folderView(mailbox, folderOf(request, mailbox), onlySelect(request)) };
}

/** `GET …/mailFolders/inbox`: how a client learns whether there is a mailbox. */
export function getInbox(request: GraphRequest, _context: GraphContext, mailbox: Mailbox): Answer {
  return { status: 200, body: folderView(mailbox, folderOf(request, mailbox, 'inbox'), onlySelect(request)) };
}

/** `GET …/mailFolders`: the folders right below the top one, as in Graph. */
export function listFolders(request: GraphRequest, context: GraphContext, mailbox: Mailbox): Answer {
  const options = readOptions(request, ['$filter', '$top', '$skip', '$select', 'includeHiddenFolders']);
  const select = parseSelect(options.$select, KNOWN, 'microsoft.graph.mailFolder');
  const name = options.$filter === undefined ? undefined : parseDisplayNameFilter(options.$filter).toLowerCase();
  const hiddenToo = options.includeHiddenFolders === 'true';
  const found = mailbox
    .folders()
    .filter(({ parentId }) => parentId === TOP_FOLDER)
    .filter((folder) => (hiddenToo || !folder.isHidden) && (name === undefined || folder.displayName.toLowerCase() === name));
  const page = cutPage(request, found, options, context.limits.pageItems);
  return {
    status: 200,
    body: collection(
      page.items.map((folder) => folderView(mailbox, folder, select)),
      page.nextLink,
    ),
  };
}

/** `POST …/mailFolders`. */
export async function createFolder(request: GraphRequest, _context: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const { displayName, isHidden = false, ...others } = readJsonObject(request);
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw badBody(`The property '${unknown}' cannot be set when a folder is created.`);
  if (typeof displayName !== 'string' || displayName === '' || displayName.length > 255)
    throw badBody('displayName must be a text of 1 to 255 characters.');
  if (typeof isHidden !== 'boolean') throw badBody('isHidden must be true or false.');
  const folder = await mailbox.createFolder(displayName, isHidden);
  if (folder === undefined) throw new GraphError(409, 'ErrorFolderExists', 'A folder with the specified name already exists.');
  return { status: 201, body: folderView(mailbox, folder, undefined) };
}

/** `POST …/mailFolders/{folder}/move`: what Outlook does when a user deletes a folder. A folder keeps its id. */
export async function moveFolder(request: GraphRequest, _context: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const { destinationId, ...others } = readJsonObject(request);
  if (typeof destinationId !== 'string' || Object.keys(others).length > 0)
    throw badBody('Expected { "destinationId": "<id or well-known name of a folder>" }.');
  const folder = folderOf(request, mailbox);
  const destination = folderOf(request, mailbox, destinationId);
  if (folder.wellKnownName !== undefined)
    throw new GraphError(403, 'ErrorMoveDistinguishedFolder', 'Distinguished folders cannot be moved.');
  if (isWithin(mailbox.folders(), destination, folder))
    throw new GraphError(400, 'ErrorMoveCopyFailed', 'A folder cannot be moved into itself or one of its own folders.');
  if (!(await mailbox.moveFolder(folder, destination)))
    throw new GraphError(409, 'ErrorFolderExists', 'A folder with the specified name already exists.');
  return { status: 201, body: folderView(mailbox, folder, undefined) };
}

/** `DELETE …/mailFolders/{folder}`. */
export async function deleteFolder(request: GraphRequest, _context: GraphContext, mailbox: Mailbox): Promise<Answer> {
  readOptions(request, []);
  const folder = folderOf(request, mailbox);
  if (folder.wellKnownName !== undefined)
    throw new GraphError(403, 'ErrorDeleteDistinguishedFolder', 'Distinguished folders cannot be deleted.');
  await mailbox.deleteFolder(folder);
  return { status: 204 };
}
