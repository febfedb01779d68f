/**
 * Files written whole or not at all: to a temporary file first, which is then renamed to its place.
 *
 * Everything that is not for a person to look at is beside the root, in `.<name of the root>.simulator`: temporary files and the lists
 * of folders.
 *
 * @module
 */
import { link, mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** Access to the folder where the mailboxes are kept. */
export interface Disk {
  readonly root: string;
  /** Path of the file that lists the mail folders of a mailbox. */
  folderList(mailboxDirectory: string): string;
  /** A path that nobody uses yet, on the same file system as the mailboxes. */
  temporaryPath(): string;
  /** Writes a file in one step; its folder is made when absent. */
  write(path: string, data: string | Buffer): Promise<void>;
  /** Moves a finished temporary file to its place. */
  place(temporaryPath: string, path: string): Promise<void>;
  /** Gives a file a second name, so that a message can be moved without a moment in which a file is missing. */
  share(from: string, to: string): Promise<void>;
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** Runs a file operation; `undefined` where the file or folder is not there. */
export async function ifPresent<Result>(operation: Promise<Result>): Promise<Result | undefined> {
  try {
    return await operation;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes a folder if there is nothing in it. */
export async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    // Something is in it, perhaps a file that a person put there, or it is gone already: both are fine.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Prepares the folder and clears what an interrupted process left half written. */
export async function openDisk(root: string): Promise<Disk> {
  // Beside the root, so that the root holds mailboxes only; on the same file system, because files are renamed from one to the other.
  const mailboxes = resolve(root);
  const hidden = join(dirname(mailboxes), `.${basename(mailboxes)}.simulator`);
  const temporary = join(hidden, 'temporary');
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await mkdir(mailboxes, { recursive: true });
  let used = 0;

  async function inFolder(path: string, operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      await mkdir(dirname(path), { recursive: true });
      await operation();
    }
  }

  const place = (from: string, path: string): Promise<void> => inFolder(path, () => rename(from, path));
  const temporaryPath = (): string => join(temporary, String((used += 1)));
  return {
    root: mailboxes,
    folderList: (mailboxDirectory) => join(hidden, `${mailboxDirectory}.folders`),
    temporaryPath,
    async write(path, data) {
      const file = temporaryPath();
      await writeFile(file, data);
      await place(file, path);
    },
    place,
    share: (from, to) => inFolder(to, () => link(from, to)),
  };
}
