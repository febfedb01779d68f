/**
 * What is kept in memory of a mail folder: which messages are in it and where they are on disk, never their content.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalPropertyId, isNamedProperty } from './extended-properties.ts';
import { directoryName } from './safe-names.ts';
import type { StoredMessage } from './stored-message.ts';

/** Where a message is, and by which property values it can be found. */
export interface IndexEntry {
  /** The message is `<number>.json` in the folder. */
  readonly number: number;
  readonly isRead: boolean;
  /** Digests of the named properties. */
  readonly keys: readonly string[];
}

/** A mail folder. */
export interface Folder {
  readonly id: string;
  readonly displayName: string;
  readonly isHidden: boolean;
  /** `inbox` and so on, for the folders that every mailbox has. */
  readonly wellKnownName: string | undefined;
  /** Name of the folder on disk. */
  readonly directory: string;
  /** Number of the next message. */
  nextNumber: number;
  /** Messages by id, in the order of their numbers. */
  readonly messages: Map<string, IndexEntry>;
  readonly byProperty: Map<string, string[]>;
}

/** The folders of every mailbox; eleven of them, so that one made later is never on the first page of ten. */
const WELL_KNOWN = {
  archive: 'Archive',
  clutter: 'Clutter',
  conversationhistory: 'Conversation History',
  deleteditems: 'Deleted Items',
  drafts: 'Drafts',
  inbox: 'Inbox',
  junkemail: 'Junk Email',
  outbox: 'Outbox',
  rssfeeds: 'RSS Feeds',
  sentitems: 'Sent Items',
  syncissues: 'Sync Issues',
} as const;

/** A folder without messages. */
export function emptyFolder(id: string, displayName: string, isHidden: boolean, wellKnownName?: string): Folder {
  return {
    id,
    displayName,
    isHidden,
    wellKnownName,
    directory: directoryName(displayName),
    nextNumber: 1,
    messages: new Map(),
    byProperty: new Map(),
  };
}

/** The folders that every mailbox has; their ids are the same at every start. */
export function wellKnownFolders(mailboxDirectory: string): Folder[] {
  return Object.entries(WELL_KNOWN).map(([name, displayName]) => {
    const digest = createHash('sha256').update(`${mailboxDirectory}/${name}`).digest('base64url');
    return emptyFolder(`AQMkAD${digest}=`, displayName, false, name);
  });
}

/** The key under which a message with this property value is found. */
function propertyKey(canonicalId: string, value: string): string {
  return createHash('sha256').update(`${canonicalId}\0${value}`).digest('base64url').slice(0, 22);
}

function removeKeys(folder: Folder, messageId: string): void {
  for (const key of folder.messages.get(messageId)?.keys ?? []) {
    const ids = (folder.byProperty.get(key) ?? []).filter((id) => id !== messageId);
    if (ids.length === 0) folder.byProperty.delete(key);
    else folder.byProperty.set(key, ids);
  }
}

/** Takes a message into the index, or its new version; a message that is there already keeps its place in the order. */
export function addToIndex(folder: Folder, number: number, message: StoredMessage): void {
  removeKeys(folder, message.id);
  const keys = message.singleValueExtendedProperties
    .map(({ id, value }) => ({ id: canonicalPropertyId(id), value }))
    .filter(({ id }) => isNamedProperty(id))
    .map(({ id, value }) => propertyKey(id, value));
  folder.messages.set(message.id, { number, isRead: message.isRead, keys });
  for (const key of keys) {
    const ids = folder.byProperty.get(key);
    if (ids === undefined) folder.byProperty.set(key, [message.id]);
    else ids.push(message.id);
  }
  folder.nextNumber = Math.max(folder.nextNumber, number + 1);
}

/** Takes a message out of the index. */
export function removeFromIndex(folder: Folder, messageId: string): void {
  removeKeys(folder, messageId);
  folder.messages.delete(messageId);
}

/** Ids of the messages of a folder whose named property has the value. */
export function findByProperty(folder: Folder, canonicalId: string, value: string): readonly string[] {
  return folder.byProperty.get(propertyKey(canonicalId, value)) ?? [];
}
