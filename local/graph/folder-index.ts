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
  /** ISO 8601 UTC, whole seconds. */
  readonly receivedDateTime: string;
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
  /** Id of the folder that it is in. */
  parentId: string;
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

/** Id of the folder that holds all folders that a user sees. Its own parent cannot be asked for. */
export const TOP_FOLDER = 'AQMkADmsgfolderroot=';

/** Folders of every mailbox that are in no list: what is above those that a user sees, and what a user purged from Deleted Items. */
const UNLISTED = [
  { name: 'msgfolderroot', displayName: 'Top of Information Store', id: TOP_FOLDER, parentId: 'AQMkADroot=' },
  {
    name: 'recoverableitemsdeletions',
    displayName: 'Deletions',
    id: 'AQMkADrecoverableitemsdeletions=',
    parentId: 'AQMkADrecoverableitemsroot=',
  },
] as const;

/** What a folder is made of; it is in the top folder and has the directory of its name unless others are given. */
export type NewFolder = Pick<Folder, 'id' | 'displayName' | 'isHidden'> &
  Partial<Record<'wellKnownName' | 'parentId' | 'directory', string | undefined>>;

/** A folder without messages. */
export function emptyFolder({ id, displayName, isHidden, wellKnownName, parentId, directory }: NewFolder): Folder {
  return {
    id,
    displayName,
    isHidden,
    wellKnownName,
    parentId: parentId ?? TOP_FOLDER,
    directory: directory ?? directoryName(displayName),
    nextNumber: 1,
    messages: new Map(),
    byProperty: new Map(),
  };
}

/** The folders that every mailbox has; their ids are the same at every start. */
export function wellKnownFolders(mailboxDirectory: string): Folder[] {
  const listed = Object.entries(WELL_KNOWN).map(([wellKnownName, displayName]) => {
    const digest = createHash('sha256').update(`${mailboxDirectory}/${wellKnownName}`).digest('base64url');
    return emptyFolder({ id: `AQMkAD${digest}=`, displayName, isHidden: false, wellKnownName });
  });
  return [...listed, ...UNLISTED.map(({ name, ...folder }) => emptyFolder({ ...folder, isHidden: true, wellKnownName: name }))];
}

/** Whether a folder is another one, or somewhere below it. */
export function isWithin(folders: readonly Folder[], folder: Folder, above: Folder): boolean {
  for (let at: Folder | undefined = folder; at !== undefined;) {
    if (at === above) return true;
    const { parentId }: Folder = at;
    at = folders.find(({ id }) => id === parentId);
  }
  return false;
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
  folder.messages.set(message.id, { number, isRead: message.isRead, receivedDateTime: message.receivedDateTime, keys });
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

/** Ids of the messages of a folder that were received in a span of time: from its first moment to before its last one. */
export function findByTime(folder: Folder, from: number, before: number): readonly string[] {
  return [...folder.messages].flatMap(([id, { receivedDateTime }]) => {
    const time = Date.parse(receivedDateTime);
    return time >= from && time < before ? [id] : [];
  });
}
