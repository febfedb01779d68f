/**
 * The folders of a mailbox that items go to: found or created once, and remembered.
 *
 * @module
 */
import { LRUCache } from 'lru-cache';
import { TransientError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Graph } from './graph-client.ts';
import type { Mailbox } from './mailbox.ts';

/** What {@link createFolder} gives. */
export interface MailboxFolder {
  /** Id of the folder in a mailbox, which is created where it is missing. */
  in(mailbox: Mailbox): Promise<string>;
  /** Id of the folder in a mailbox as it is now, or undefined where it is missing: what is remembered may have been deleted or renamed. */
  existingIn(mailbox: Mailbox): Promise<string | undefined>;
  /** The remembered id is no longer right: somebody deleted the folder. */
  forget(mailbox: Mailbox): void;
}

interface Folder {
  readonly id: string;
}

/**
 * Makes the way to one folder at the top of each mailbox.
 *
 * @param displayName - Exactly as it is shown.
 * @param isHidden - Keeps it out of the users' sight, and out of listings that do not ask for hidden ones.
 */
export function createFolder(graph: Graph, displayName: string, isHidden: boolean): MailboxFolder {
  const path = (mailbox: Mailbox) => `/users/${encodeURIComponent(mailbox.id)}/mailFolders`;
  const filter = encodeURIComponent(`displayName eq '${displayName.replaceAll("'", "''")}'`);

  const find = async (mailbox: Mailbox): Promise<string | undefined> => {
    const found = await graph.request<{ readonly value: readonly Folder[] }>({
      method: 'GET',
      path: `${path(mailbox)}?$filter=${filter}&$select=id${isHidden ? '&includeHiddenFolders=true' : ''}`,
      mailboxId: mailbox.id,
      purpose: 'find the archive folder',
    });
    return found?.value[0]?.id;
  };

  const findOrCreate = async (mailbox: Mailbox): Promise<string> => {
    const existing = await find(mailbox);
    if (existing !== undefined) return existing;
    const created = await graph.request<Folder>({
      method: 'POST',
      path: path(mailbox),
      body: { displayName, ...(isHidden ? { isHidden } : {}) },
      mailboxId: mailbox.id,
      purpose: 'create the archive folder',
      // Another instance, or an attempt of ours whose answer was lost, created it meanwhile.
      accept: (_status, code) => code === 'ErrorFolderExists',
    });
    const id = created?.id ?? (await find(mailbox));
    if (id === undefined) throw new TransientError('Microsoft Graph says that the archive folder exists, yet does not list it.');
    return id;
  };

  const remembered = new LRUCache<string, string, Mailbox>({
    max: limits.directoryEntries,
    fetchMethod: (_id, _stale, { context }) => findOrCreate(context),
  });
  return {
    async in(mailbox) {
      const id = await remembered.fetch(mailbox.id, { context: mailbox });
      if (id === undefined) throw new TransientError('The look-up of the archive folder was given up.');
      return id;
    },
    async existingIn(mailbox) {
      const id = await find(mailbox);
      if (id === undefined) remembered.delete(mailbox.id);
      else remembered.set(mailbox.id, id);
      return id;
    },
    forget(mailbox) {
      remembered.delete(mailbox.id);
    },
  };
}
