/**
 * Looks for one copy in its mailbox and compares it with the item that it was made of.
 *
 * @module
 */
import { PARK_REASONS, PermanentError } from '../errors.ts';
import { ITEM_KEY_PROPERTY } from '../mailbox/compose-message.ts';
import type { FindMailbox } from '../mailbox/directory.ts';
import type { Graph } from '../mailbox/graph-client.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import { nextPage, type Page } from '../mailbox/next-page.ts';
import { compareCopy, readCopy, type CopyIdentity, type ExpectedCopy, type HeldCopy } from '../mailbox/verify-copy.ts';
import type { KnownFolders } from './reconcile-folders.ts';
import type { ReconcileProblem } from './reconcile-problems.ts';

/** A copy as the ledger knows it. */
export interface RecordedCopy {
  readonly mailbox: Mailbox;
  /** Absent where the ledger never learnt it. */
  readonly messageId: string | undefined;
  /** What it has to be; only its identity where the raw item is lost or can no longer be read. */
  readonly expected: CopyIdentity | ExpectedCopy;
}

/** A problem of one copy. */
export interface CopyProblem {
  readonly problem: ReconcileProblem;
  readonly detail: string;
}

interface Listed {
  readonly id: string;
  readonly singleValueExtendedProperties?: readonly { readonly value: string }[];
}

async function list(graph: Graph, mailbox: Mailbox, folderId: string, query: string): Promise<readonly Listed[]> {
  const found: Listed[] = [];
  let path: string | undefined =
    `/users/${encodeURIComponent(mailbox.id)}/mailFolders/${encodeURIComponent(folderId)}/messages?${query}&$select=id&$top=100`;
  while (path !== undefined) {
    const page: Page<Listed> | undefined = await graph.request({
      method: 'GET',
      path,
      mailboxId: mailbox.id,
      purpose: 'look for a copy of the item',
      accept: (_status, code) => code === 'ErrorItemNotFound',
    });
    found.push(...(page?.value ?? []));
    path = nextPage(page);
  }
  return found;
}

function findByKey(graph: Graph, mailbox: Mailbox, folderId: string, contentKey: string): Promise<readonly Listed[]> {
  const filter = `singleValueExtendedProperties/any(ep: ep/id eq '${ITEM_KEY_PROPERTY}' and ep/value eq '${contentKey}')`;
  return list(graph, mailbox, folderId, `$filter=${encodeURIComponent(filter)}`);
}

/**
 * Counts the copies of an item in the archive folder. All of them were received in the second of the item, by which Exchange keeps its
 * messages sorted; a search by the key reads the folder from end to end, which a folder of years makes slow.
 */
async function countCopies(graph: Graph, mailbox: Mailbox, folderId: string, { contentKey, ...expected }: RecordedCopy['expected']) {
  if (!('sentAt' in expected)) return (await findByKey(graph, mailbox, folderId, contentKey)).length;
  const second = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  const time = Date.parse(expected.sentAt);
  const filter = encodeURIComponent(`receivedDateTime ge ${second(time)} and receivedDateTime lt ${second(time + 1000)}`);
  const property = encodeURIComponent(`id eq '${ITEM_KEY_PROPERTY}'`);
  const query = `$filter=${filter}&$expand=singleValueExtendedProperties($filter=${property})`;
  const all = await list(graph, mailbox, folderId, query);
  return all.filter(({ singleValueExtendedProperties: properties }) => properties?.[0]?.value === contentKey).length;
}

/** Graph cannot look into in-place archives, and a message that is moved there gets another immutable id (Microsoft's outlook-immutable-id). */
const NOT_FOUND = 'not found, unless an archive policy has moved it to the in-place archive';

/** @returns the copy in the archive folder, or why there is none. Its immutable id stays when a user moves it within the mailbox. */
async function locate(
  graph: Graph,
  folders: KnownFolders,
  { mailbox, messageId, expected }: RecordedCopy,
): Promise<HeldCopy | CopyProblem> {
  const archive = await folders.archive(mailbox);
  const recorded = messageId === undefined ? undefined : await readCopy(graph, mailbox, messageId, expected);
  if (recorded !== undefined && recorded.parentFolderId === archive) return recorded;
  const [listed] = archive === '' ? [] : await findByKey(graph, mailbox, archive, expected.contentKey);
  const other = listed && (await readCopy(graph, mailbox, listed.id, expected));
  if (other !== undefined) return other;
  if (recorded === undefined) return { problem: 'copy-missing', detail: NOT_FOUND };
  // What a user deletes in Outlook goes there first, alone or with its whole folder, and is purged from there later.
  if (await folders.isDeleted(mailbox, recorded.parentFolderId)) return { problem: 'copy-missing', detail: 'it is in Deleted Items' };
  return { problem: 'copy-moved', detail: '' };
}

/** How to reach what is compared. */
export interface CheckDeps {
  readonly graph: Graph;
  readonly findMailbox: FindMailbox;
}

/**
 * Checks one copy.
 *
 * @returns nothing where the copy is as it was imported.
 * @throws RetryAfterError, TransientError.
 */
export async function checkCopy({ graph, findMailbox }: CheckDeps, folders: KnownFolders, copy: RecordedCopy): Promise<CopyProblem[]> {
  const { mailbox, expected } = copy;
  const problems: CopyProblem[] = [];
  try {
    const held = await locate(graph, folders, copy);
    if ('problem' in held) return [held];
    const differences = await compareCopy(findMailbox, held, expected);
    if (differences.length > 0) problems.push({ problem: 'copy-altered', detail: differences.join(', ') });
    const copies = await countCopies(graph, mailbox, held.parentFolderId, expected);
    if (copies > 1) problems.push({ problem: 'copy-doubled', detail: `${copies} copies` });
    return problems;
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return [...problems, { problem: 'mailbox-unreachable', detail: PARK_REASONS[error.reason] }];
  }
}
