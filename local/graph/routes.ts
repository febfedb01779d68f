/**
 * The routes of the two hosts of the simulated Graph. What is not in these tables is answered as unknown and recorded as a warning.
 *
 * @module
 */
import * as attachments from './attachments.ts';
import * as folders from './folders.ts';
import type { DirectoryHandler, MailboxHandler } from './graph-request.ts';
import * as messages from './messages.ts';
import type { RequestKind } from './request-kinds.ts';
import * as users from './users.ts';

interface RouteBase {
  readonly method: string;
  /** Path under `/v1.0`, or on the upload host; `{name}` stands for a part without a slash. */
  readonly path: string;
  readonly kind: RequestKind | ((query: URLSearchParams) => RequestKind);
}

/** A route. `upload` routes concern a mailbox too, and are authorised by their address alone. */
export type Route = RouteBase &
  (
    | { readonly scope: 'directory' | 'upload'; readonly handle: DirectoryHandler }
    | { readonly scope: 'mailbox'; readonly handle: MailboxHandler }
  );

function directory(method: string, path: string, kind: RouteBase['kind'], handle: DirectoryHandler): Route {
  return { method, path, kind, scope: 'directory', handle };
}

function mailbox(method: string, path: string, kind: RouteBase['kind'], handle: MailboxHandler): Route {
  return { method, path: `/users/{user}${path}`, kind, scope: 'mailbox', handle };
}

function upload(method: string, kind: RouteBase['kind'], handle: DirectoryHandler): Route {
  return { method, path: "/api/v2.0/Users('{user}')/Messages('{message}')/AttachmentSessions('{session}')", kind, scope: 'upload', handle };
}

/** The Graph host. An earlier route wins. */
export const graphRoutes: readonly Route[] = [
  directory('GET', '/users', 'find-user', users.findUsers),
  directory('GET', '/users/{user}', 'get-user', users.getUser),
  mailbox('GET', '/mailFolders', 'list-folders', folders.listFolders),
  mailbox('POST', '/mailFolders', 'create-folder', folders.createFolder),
  mailbox('GET', '/mailFolders/inbox', 'get-inbox', folders.getInbox),
  mailbox('GET', '/mailFolders/{folder}', 'get-folder', folders.getFolder),
  mailbox('POST', '/mailFolders/{folder}/move', 'move-folder', folders.moveFolder),
  mailbox('DELETE', '/mailFolders/{folder}', 'delete-folder', folders.deleteFolder),
  mailbox('POST', '/mailFolders/{folder}/messages', 'create-message', messages.createMessage),
  mailbox(
    'GET',
    '/mailFolders/{folder}/messages',
    (query) => (query.has('$filter') ? 'find-message' : 'list-messages'),
    messages.listMessages,
  ),
  mailbox('GET', '/messages/{message}', 'get-message', messages.getMessage),
  mailbox('PATCH', '/messages/{message}', 'update-message', messages.updateMessage),
  mailbox('DELETE', '/messages/{message}', 'delete-message', messages.deleteMessage),
  mailbox('POST', '/messages/{message}/move', 'move-message', messages.moveMessage),
  mailbox('GET', '/messages/{message}/attachments', 'list-attachments', attachments.listAttachments),
  mailbox('POST', '/messages/{message}/attachments', 'add-attachment', attachments.addAttachment),
  mailbox('POST', '/messages/{message}/attachments/createUploadSession', 'create-upload', attachments.createUpload),
  mailbox('GET', '/messages/{message}/attachments/{attachment}', 'get-attachment', attachments.getAttachment),
  mailbox('GET', '/messages/{message}/attachments/{attachment}/$value', 'get-attachment', attachments.getAttachmentBytes),
];

/** The upload host. */
export const uploadRoutes: readonly Route[] = [
  upload('PUT', 'put-range', (request, { uploads }) => uploads.put(request)),
  upload('GET', 'get-upload', (request, { uploads }) => uploads.status(request)),
  upload('DELETE', 'cancel-upload', (request, { uploads }) => uploads.cancel(request)),
];

/** A route with the values of its placeholders. */
export interface RouteMatch {
  readonly route: Route;
  readonly kind: RequestKind;
  readonly params: Readonly<Record<string, string>>;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    // A percent sign that stands for nothing: such a path names nothing.
    return undefined;
  }
}

/** Makes the function that finds the route of a path, which is still percent-encoded and without the prefix. */
export function createRouter(routes: readonly Route[]): (method: string, path: string, query: URLSearchParams) => RouteMatch | undefined {
  const compiled = routes.map((route) => {
    const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
    const pattern = route.path.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\w+\}/g, '([^/]+?)');
    return { route, names, pattern: new RegExp(`^${pattern}$`) };
  });
  return (method, path, query) => {
    for (const { route, names, pattern } of compiled) {
      const match = route.method === method ? pattern.exec(path) : null;
      if (match === null) continue;
      const values = match.slice(1).map((part) => decode(part));
      if (values.includes(undefined)) continue;
      const params = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
      return { route, params, kind: typeof route.kind === 'string' ? route.kind : route.kind(query) };
    }
    return undefined;
  };
}
