/**
 * The words for the requests that the simulated Graph answers: faults are aimed by them and requests are counted under them.
 *
 * @module
 */

/** Every kind of request; `unknown` is one that no route answers. */
export const requestKinds = [
  'get-user',
  'find-user',
  'get-inbox',
  'list-folders',
  'get-folder',
  'create-folder',
  'move-folder',
  'delete-folder',
  'create-message',
  'find-message',
  'list-messages',
  'get-message',
  'update-message',
  'delete-message',
  'move-message',
  'list-attachments',
  'get-attachment',
  'add-attachment',
  'create-upload',
  'put-range',
  'get-upload',
  'cancel-upload',
  'unknown',
] as const;

/** One of {@link requestKinds}. */
export type RequestKind = (typeof requestKinds)[number];
