/**
 * One mailbox on disk: `ROOT/<address>/<folder>/<n>.json` with the attachments beside it, and an index of it in memory.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ifPresent, removeIfEmpty, type Disk } from './disk.ts';
import { addToIndex, emptyFolder, isWithin, removeFromIndex, TOP_FOLDER, type Folder } from './folder-index.ts';
import { folderListJson, loadFolders, readMessageFile } from './load-folders.ts';
import { itemNotFound } from './graph-error.ts';
import type { NewAttachment } from './new-attachment.ts';
import { attachmentFileName, directoryName } from './safe-names.ts';
import {
  hasVisibleAttachments,
  newId,
  touched,
  type StoredAttachment,
  type StoredMessage,
  type UnplacedMessage,
} from './stored-message.ts';

/** An attachment whose bytes are in a temporary file already. */
export interface UploadedAttachment extends Omit<NewAttachment, 'content'> {
  readonly temporaryPath: string;
  readonly size: number;
  readonly sha256: string;
}

/** A mailbox. Changes happen one after the other; each is on disk when its promise resolves. */
export interface Mailbox {
  folders(): readonly Folder[];
  /** A folder by id or well-known name. */
  folder(idOrName: string): Folder | undefined;
  /** @returns undefined where a folder of that name exists, in whatever case. */
  createFolder(displayName: string, isHidden: boolean): Promise<Folder | undefined>;
  /** Puts a folder into another one, with everything in it. @returns whether it could: not where that one has a folder of its name. */
  moveFolder(folder: Folder, destination: Folder): Promise<boolean>;
  /** Removes a folder and everything in it. */
  deleteFolder(folder: Folder): Promise<void>;
  addMessage(folder: Folder, message: UnplacedMessage, attachments: readonly NewAttachment[]): Promise<StoredMessage>;
  /** @throws GraphError 404 where there is no such message; so do the others below. */
  readMessage(id: string): Promise<StoredMessage>;
  updateMessage(id: string, change: (message: StoredMessage) => StoredMessage): Promise<StoredMessage>;
  addAttachment(id: string, attachment: NewAttachment | UploadedAttachment): Promise<StoredAttachment>;
  /** @param keepId - Whether the id stays, as it does with immutable ids. */
  moveMessage(id: string, destination: Folder, keepId: boolean): Promise<StoredMessage>;
  deleteMessage(id: string): Promise<void>;
  /** Path of an attachment's file. */
  attachmentPath(id: string, attachment: StoredAttachment): string;
}

/** Opens a mailbox, reading what is on disk of it. */
export async function openMailbox(disk: Disk, mailboxDirectory: string): Promise<Mailbox> {
  const folders = await loadFolders(disk, mailboxDirectory);
  const mailboxPath = join(disk.root, mailboxDirectory);
  const pathIn = (folder: Folder, file: string): string => join(mailboxPath, folder.directory, file);

  const hasChild = (parentId: string, displayName: string): boolean =>
    folders.some((folder) => folder.parentId === parentId && folder.displayName.toLowerCase() === displayName.toLowerCase());

  /** On disk all folders lie side by side, so two of one name in different folders need different directories. */
  function freeDirectory(displayName: string): string {
    for (let number = 1; ; number += 1) {
      const directory = number === 1 ? directoryName(displayName) : `${directoryName(displayName)} (${number})`;
      if (!folders.some((folder) => folder.directory.toLowerCase() === directory.toLowerCase())) return directory;
    }
  }

  let last: Promise<unknown> = Promise.resolve();
  function serially<Result>(change: () => Promise<Result>): Promise<Result> {
    // A failed change has been reported to its own caller; the next one does not depend on it.
    const result = last.then(change, change);
    last = result.catch(() => undefined);
    return result;
  }

  function locate(id: string): { folder: Folder; number: number } {
    for (const folder of folders) {
      const entry = folder.messages.get(id);
      if (entry !== undefined) return { folder, number: entry.number };
    }
    throw itemNotFound();
  }

  async function read(id: string): Promise<StoredMessage> {
    for (;;) {
      const { folder, number } = locate(id);
      const path = pathIn(folder, `${number}.json`);
      const message = await ifPresent(readMessageFile(path));
      if (message !== undefined) return message;
      // Moved or deleted while it was read: look again. A file that somebody took away is an error.
      const now = locate(id);
      if (now.folder === folder && now.number === number) throw new Error(`The file ${path} is gone, although nobody deleted the message.`);
    }
  }

  async function write(folder: Folder, number: number, message: StoredMessage): Promise<void> {
    await disk.write(pathIn(folder, `${number}.json`), `${JSON.stringify(message, undefined, 2)}\n`);
    addToIndex(folder, number, message);
  }

  async function storeAttachment(
    folder: Folder,
    number: number,
    position: number,
    attachment: NewAttachment | UploadedAttachment,
  ): Promise<StoredAttachment> {
    const file = `${number}-${position}-${attachmentFileName(attachment.name)}`;
    const path = pathIn(folder, file);
    const uploaded = 'temporaryPath' in attachment;
    await (uploaded ? disk.place(attachment.temporaryPath, path) : disk.write(path, attachment.content));
    const { name, contentType, isInline, contentId } = attachment;
    return {
      '@odata.type': '#microsoft.graph.fileAttachment',
      id: newId('AAkALgAT'),
      lastModifiedDateTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      name,
      contentType,
      size: uploaded ? attachment.size : attachment.content.length,
      isInline,
      contentId,
      contentLocation: null,
      sha256: uploaded ? attachment.sha256 : createHash('sha256').update(attachment.content).digest('hex'),
      file,
    };
  }

  async function remove(folder: Folder, number: number, message: StoredMessage): Promise<void> {
    await rm(pathIn(folder, `${number}.json`));
    for (const { file } of message.attachments) await rm(pathIn(folder, file), { force: true });
    if (folder.messages.size > 0) return;
    await removeIfEmpty(join(mailboxPath, folder.directory));
    await removeIfEmpty(mailboxPath);
  }

  async function move(id: string, destination: Folder, keepId: boolean): Promise<StoredMessage> {
    const { folder, number } = locate(id);
    const message = await read(id);
    if (!folders.includes(destination)) throw itemNotFound();
    const newNumber = destination.nextNumber++;
    const attachments: StoredAttachment[] = [];
    for (const [index, attachment] of message.attachments.entries()) {
      const file = `${newNumber}-${index + 1}-${attachmentFileName(attachment.name)}`;
      await disk.share(pathIn(folder, attachment.file), pathIn(destination, file));
      attachments.push({ ...attachment, file });
    }
    const moved = touched(message, { id: keepId ? id : newId('AAMkAD'), parentFolderId: destination.id, attachments });
    // From here on the message is in its new folder, whatever happens to the old files.
    await write(destination, newNumber, moved);
    if (destination !== folder || moved.id !== id) removeFromIndex(folder, id);
    await remove(folder, number, message);
    return moved;
  }

  return {
    folders: () => folders,
    folder: (idOrName) => folders.find((folder) => folder.id === idOrName || folder.wellKnownName === idOrName.toLowerCase()),
    createFolder: (displayName, isHidden) =>
      serially(async () => {
        if (hasChild(TOP_FOLDER, displayName)) return undefined;
        const folder = emptyFolder({ id: newId('AQMkAD'), displayName, isHidden, directory: freeDirectory(displayName) });
        await disk.write(disk.folderList(mailboxDirectory), folderListJson([...folders, folder]));
        folders.push(folder);
        return folder;
      }),
    moveFolder: (folder, destination) =>
      serially(async () => {
        if (!folders.includes(folder) || !folders.includes(destination)) throw itemNotFound();
        if (hasChild(destination.id, folder.displayName)) return false;
        const moved = folders.map((other) => (other === folder ? { ...folder, parentId: destination.id } : other));
        await disk.write(disk.folderList(mailboxDirectory), folderListJson(moved));
        folder.parentId = destination.id;
        return true;
      }),
    deleteFolder: (folder) =>
      serially(async () => {
        const gone = folders.filter((other) => isWithin(folders, other, folder));
        const others = folders.filter((other) => !gone.includes(other));
        folders.splice(0, folders.length, ...others);
        for (const { directory } of gone) await rm(join(mailboxPath, directory), { recursive: true, force: true });
        await removeIfEmpty(mailboxPath);
        await disk.write(disk.folderList(mailboxDirectory), folderListJson(others));
      }),
    addMessage: (folder, message, attachments) =>
      serially(async () => {
        if (!folders.includes(folder)) throw itemNotFound();
        const number = folder.nextNumber++;
        const stored: StoredAttachment[] = [];
        for (const [index, attachment] of attachments.entries()) stored.push(await storeAttachment(folder, number, index + 1, attachment));
        const whole = { ...message, attachments: stored } as unknown as StoredMessage;
        await write(folder, number, whole);
        return whole;
      }),
    readMessage: read,
    updateMessage: (id, change) =>
      serially(async () => {
        const { folder, number } = locate(id);
        const changed = change(await read(id));
        await write(folder, number, changed);
        return changed;
      }),
    addAttachment: (id, attachment) =>
      serially(async () => {
        const { folder, number } = locate(id);
        const message = await read(id);
        const added = await storeAttachment(folder, number, message.attachments.length + 1, attachment);
        const attachments = [...message.attachments, added];
        await write(folder, number, touched(message, { attachments, hasAttachments: hasVisibleAttachments(attachments) }));
        return added;
      }),
    moveMessage: (id, destination, keepId) => serially(() => move(id, destination, keepId)),
    deleteMessage: (id) =>
      serially(async () => {
        const { folder, number } = locate(id);
        const message = await read(id);
        removeFromIndex(folder, id);
        await remove(folder, number, message);
      }),
    attachmentPath: (id, attachment) => pathIn(locate(id).folder, attachment.file),
  };
}
