/**
 * Tells where in a mailbox a folder is: the archive folder itself, or somewhere below what a user deleted.
 *
 * @module
 */
import { LRUCache } from 'lru-cache';
import type { ArchiverProfile } from '../archivers.ts';
import { limits } from '../limits.ts';
import { createFolder } from '../mailbox/archive-folder.ts';
import type { Graph } from '../mailbox/graph-client.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';

/** Folders of mailboxes, remembered for one call: a folder may be deleted, moved and made anew between two. */
export interface KnownFolders {
  /** Id of the archive folder; empty where there is none. */
  archive(mailbox: Mailbox): Promise<string>;
  /** Whether a folder is Deleted Items or Recoverable Items, or is in one of them at any depth. */
  isDeleted(mailbox: Mailbox, folderId: string): Promise<boolean>;
}

/** Outlook nests no deeper than a person can bear; a circle would otherwise be walked for ever. */
const MOST_PARENTS = 64;

/** Where what a user deletes goes first, and where it goes from there before it is purged. */
const DELETED = ['deleteditems', 'recoverableitemsdeletions'];
const TOP = 'msgfolderroot';

/** Makes the memory. */
export function rememberFolders(graph: Graph, profile: ArchiverProfile): KnownFolders {
  const archiveFolder = createFolder(graph, profile.folder, false);
  const remember = (find: (mailbox: Mailbox, name: string) => Promise<string | undefined>) => {
    const remembered = new LRUCache<string, string, { readonly mailbox: Mailbox; readonly name: string }>({
      max: limits.directoryEntries,
      // Empty where there is no such folder; that is remembered too.
      fetchMethod: async (_key, _stale, { context: { mailbox, name } }) => (await find(mailbox, name)) ?? '',
    });
    return async (mailbox: Mailbox, name: string) =>
      (await remembered.fetch(`${mailbox.id} ${name}`, { context: { mailbox, name } })) ?? '';
  };
  const ask = async (mailbox: Mailbox, idOrName: string) =>
    graph.request<{ readonly id: string; readonly parentFolderId?: string }>({
      method: 'GET',
      path: `/users/${encodeURIComponent(mailbox.id)}/mailFolders/${encodeURIComponent(idOrName)}?$select=id,parentFolderId`,
      mailboxId: mailbox.id,
      purpose: 'see where a folder is',
      accept: (_status, code) => code === 'ErrorItemNotFound',
    });
  const archive = remember((mailbox) => archiveFolder.existingIn(mailbox));
  const idOf = remember(async (mailbox, name) => (await ask(mailbox, name))?.id);
  const parentOf = remember(async (mailbox, folderId) => (await ask(mailbox, folderId))?.parentFolderId);

  return {
    archive: (mailbox) => archive(mailbox, ''),
    async isDeleted(mailbox, folderId) {
      const deleted: string[] = [];
      for (const name of DELETED) deleted.push(await idOf(mailbox, name));
      const top = await idOf(mailbox, TOP);
      let at = folderId;
      for (let step = 0; step < MOST_PARENTS && at !== '' && at !== top; step += 1) {
        if (deleted.includes(at)) return true;
        at = await parentOf(mailbox, at);
      }
      return false;
    },
  };
}
