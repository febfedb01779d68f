/**
 * Reads a mailbox from disk, so that a restarted simulator goes on with what is there.
 *
 * @module
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ifPresent, removeIfEmpty, type Disk } from './disk.ts';
import { addToIndex, emptyFolder, removeFromIndex, wellKnownFolders, type Folder } from './folder-index.ts';
import { nameOfDirectory } from './safe-names.ts';
import { newId, type StoredMessage } from './stored-message.ts';

const folderListSchema = z.array(
  z.strictObject({
    id: z.string(),
    displayName: z.string(),
    isHidden: z.boolean(),
    parentId: z.string().optional(),
    directory: z.string().optional(),
  }),
);

/** The folders that somebody created, as JSON for {@link loadFolders}. */
export function folderListJson(folders: readonly Folder[]): string {
  const created = folders.filter((folder) => folder.wellKnownName === undefined);
  return `${JSON.stringify(
    created.map(({ id, displayName, isHidden, parentId, directory }) => ({ id, displayName, isHidden, parentId, directory })),
    undefined,
    2,
  )}\n`;
}

// A few columns that the index needs; the file itself was validated when the message was created.
const storedSchema = z.looseObject({
  id: z.string(),
  parentFolderId: z.string(),
  lastModifiedDateTime: z.string(),
  receivedDateTime: z.string(),
  isRead: z.boolean(),
  singleValueExtendedProperties: z.array(z.object({ id: z.string(), value: z.string() })),
  attachments: z.array(z.looseObject({ file: z.string() })),
});

/**
 * Reads one message.
 *
 * @throws Error naming the file where it is not a message, for instance because somebody edited it.
 */
export async function readMessageFile(path: string): Promise<StoredMessage> {
  const text = await readFile(path, 'utf8');
  try {
    return storedSchema.parse(JSON.parse(text)) as unknown as StoredMessage;
  } catch (cause) {
    throw new Error(`The file ${path} is not a message of the simulated Graph: mend it or remove it.`, { cause });
  }
}

const MESSAGE_FILE = /^([1-9]\d{0,9})\.json$/;
const ATTACHMENT_FILE = /^([1-9]\d{0,9})-\d+-/;

async function loadMessages(path: string, folder: Folder, newest: Map<string, { folder: Folder; message: StoredMessage }>): Promise<void> {
  const files = (await ifPresent(readdir(path))) ?? [];
  const numbers = files.flatMap((file) => MESSAGE_FILE.exec(file)?.[1] ?? []).map(Number);
  for (const number of numbers.sort((a, b) => a - b)) {
    const message = await readMessageFile(join(path, `${number}.json`));
    const other = newest.get(message.id);
    // A move that was cut off leaves the message in both folders: the newer copy is the one that counts.
    if (other !== undefined && other.message.lastModifiedDateTime > message.lastModifiedDateTime) continue;
    if (other !== undefined) removeFromIndex(other.folder, message.id);
    addToIndex(folder, number, message);
    newest.set(message.id, { folder, message });
  }
}

/** Removes files of messages that the index does not know: their create or move was cut off. */
async function clearLeftovers(path: string, folder: Folder): Promise<void> {
  const files = (await ifPresent(readdir(path))) ?? [];
  const known = new Set([...folder.messages.values()].map((entry) => entry.number));
  for (const file of files) {
    const number = (MESSAGE_FILE.exec(file) ?? ATTACHMENT_FILE.exec(file))?.[1];
    if (number !== undefined && !known.has(Number(number))) await rm(join(path, file));
  }
  if (known.size === 0) await removeIfEmpty(path);
}

/** All folders of a mailbox with their index. */
export async function loadFolders(disk: Disk, mailboxDirectory: string): Promise<Folder[]> {
  const listed = await ifPresent(readFile(disk.folderList(mailboxDirectory), 'utf8'));
  const created = listed === undefined ? [] : folderListSchema.parse(JSON.parse(listed));
  const folders = [...wellKnownFolders(mailboxDirectory), ...created.map((folder) => emptyFolder(folder))];
  const path = join(disk.root, mailboxDirectory);
  const present = (await ifPresent(readdir(path, { withFileTypes: true }))) ?? [];
  for (const { name } of present.filter((entry) => entry.isDirectory())) {
    if (folders.some((folder) => folder.directory === name)) continue;
    // The list of folders is lost, or the mailbox was copied here: what is there must not be overwritten.
    folders.push(emptyFolder({ id: newId('AQMkAD'), displayName: nameOfDirectory(name), isHidden: false, directory: name }));
  }
  const newest = new Map<string, { folder: Folder; message: StoredMessage }>();
  for (const folder of folders) await loadMessages(join(path, folder.directory), folder, newest);
  for (const folder of folders) await clearLeftovers(join(path, folder.directory), folder);
  await removeIfEmpty(path);
  return folders;
}
