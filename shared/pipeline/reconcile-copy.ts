/**
 * Looks for one copy in its mailbox and compares it with the item that it was made of.
 *
 * @module
 */
import { LRUCache } from 'lru-cache';
import type { ArchiverProfile } from '../archivers.ts';
import { PARK_REASONS, PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import { createFolder } from '../mailbox/archive-folder.ts';
import { ITEM_KEY_PROPERTY } from '../mailbox/compose-message.ts';
import type { Graph } from '../mailbox/graph-client.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { compareCopy, type CopyDifference, type ExpectedCopy } from '../mailbox/verify-copy.ts';
import type { ReconcileProblem } from './reconcile-problems.ts';

/** Folders of mailboxes by their ids, remembered for one call: a folder may be deleted and made anew between two. */
export interface KnownFolders {
  archive(mailbox: Mailbox): Promise<string>;
  deletedItems(mailbox: Mailbox): Promise<string>;
}

/** Makes the memory. */
export function rememberFolders(graph: Graph, profile: ArchiverProfile): KnownFolders {
  const archiveFolder = createFolder(graph, profile.folder, false);
  const remember = (find: (mailbox: Mailbox) => Promise<string | undefined>) => {
    const remembered = new LRUCache<string, string, Mailbox>({
      max: limits.directoryEntries,
      // Empty where there is no such folder; that is remembered too.
      fetchMethod: async (_id, _stale, { context }) => (await find(context)) ?? '',
    });
    return async (mailbox: Mailbox) => (await remembered.fetch(mailbox.id, { context: mailbox })) ?? '';
  };
  return {
    archive: remember((mailbox) => archiveFolder.existingIn(mailbox)),
    deletedItems: remember(async (mailbox) => {
      const path = `/users/${encodeURIComponent(mailbox.id)}/mailFolders/deleteditems?$select=id`;
      return (await graph.request<{ readonly id: string }>({ method: 'GET', path, mailboxId: mailbox.id, purpose: 'find Deleted Items' }))
        ?.id;
    }),
  };
}

/** A copy as the ledger knows it. */
export interface RecordedCopy {
  readonly mailbox: Mailbox;
  readonly contentKey: string;
  /** Absent where the ledger never learnt it. */
  readonly messageId: string | undefined;
}

/** A problem of one copy. */
export interface CopyProblem {
  readonly problem: ReconcileProblem;
  readonly detail: string;
}

const notFound = (_status: number, code: string | undefined) => code === 'ErrorItemNotFound';

async function folderOfMessage(graph: Graph, mailbox: Mailbox, messageId: string): Promise<string | undefined> {
  const message = await graph.request<{ readonly parentFolderId: string }>({
    method: 'GET',
    path: `/users/${encodeURIComponent(mailbox.id)}/messages/${encodeURIComponent(messageId)}?$select=parentFolderId`,
    mailboxId: mailbox.id,
    purpose: 'look for a copy of the item',
    accept: notFound,
  });
  return message?.parentFolderId;
}

async function findByKey(graph: Graph, mailbox: Mailbox, folderId: string, contentKey: string): Promise<string | undefined> {
  const filter = `singleValueExtendedProperties/any(ep: ep/id eq '${ITEM_KEY_PROPERTY}' and ep/value eq '${contentKey}')`;
  const found = await graph.request<{ readonly value: readonly { readonly id: string }[] }>({
    method: 'GET',
    path: `/users/${encodeURIComponent(mailbox.id)}/mailFolders/${encodeURIComponent(folderId)}/messages?$filter=${encodeURIComponent(filter)}&$select=id`,
    mailboxId: mailbox.id,
    purpose: 'look for a copy of the item',
    accept: notFound,
  });
  return found?.value[0]?.id;
}

/** @returns the id of the copy in the archive folder, or why there is none. Its immutable id stays when a user moves it. */
async function locate(graph: Graph, folders: KnownFolders, copy: RecordedCopy): Promise<string | CopyProblem> {
  const { mailbox, contentKey, messageId } = copy;
  const archive = await folders.archive(mailbox);
  const at = messageId === undefined ? undefined : await folderOfMessage(graph, mailbox, messageId);
  if (at !== undefined && at === archive && messageId !== undefined) return messageId;
  const other = archive === '' ? undefined : await findByKey(graph, mailbox, archive, contentKey);
  if (other !== undefined) return other;
  if (at === undefined) return { problem: 'copy-missing', detail: '' };
  // What a user deletes in Outlook goes there first, and retention empties it.
  if (at === (await folders.deletedItems(mailbox))) return { problem: 'copy-missing', detail: 'it is in Deleted Items' };
  return { problem: 'copy-moved', detail: '' };
}

/** What can be said of a copy without knowing what it was made of. */
const WITHOUT_ITEM: readonly CopyDifference[] = ['missing', 'draft', 'key'];

const shorter = (one: CopyDifference[], other: CopyDifference[]) => (other.length < one.length ? other : one);

/**
 * Checks one copy.
 *
 * @param expected - The attachment lists that are right, and the time; absent where the raw item is lost, so that less can be compared.
 * @returns undefined where the copy is as it was imported.
 * @throws RetryAfterError, TransientError.
 */
export async function checkCopy(
  graph: Graph,
  folders: KnownFolders,
  copy: RecordedCopy,
  expected: readonly ExpectedCopy[],
): Promise<CopyProblem | undefined> {
  const { mailbox, contentKey } = copy;
  try {
    const found = await locate(graph, folders, copy);
    if (typeof found !== 'string') return found;
    const [first = { contentKey, sentAt: '', attachments: [] }, ...others] = expected;
    let differences = await compareCopy(graph, mailbox, found, first);
    for (const other of others) {
      if (differences.includes('attachments')) differences = shorter(differences, await compareCopy(graph, mailbox, found, other));
    }
    if (expected.length === 0) differences = differences.filter((difference) => WITHOUT_ITEM.includes(difference));
    if (differences.length === 0) return undefined;
    if (differences.includes('missing')) return { problem: 'copy-missing', detail: '' };
    return { problem: 'copy-altered', detail: differences.join(', ') };
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return { problem: 'mailbox-unreachable', detail: PARK_REASONS[error.reason] };
  }
}
