/**
 * Who is a valid user: a user of the directory who has a mailbox. Answers are remembered, and the memory is bounded.
 *
 * @module
 */
import { LRUCache } from 'lru-cache';
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Graph } from './graph-client.ts';
import type { Mailbox } from './mailbox.ts';

interface DirectoryUser {
  readonly id: string;
  readonly userPrincipalName: string;
  readonly mail?: string | null;
}

const USER_FIELDS = 'id,userPrincipalName,mail';
const noSuchUser = (status: number, code: string | undefined) => status === 404 || code === 'ErrorInvalidUser';

/** Finds the mailbox of an address, or undefined where no user has it or the user has no mailbox. */
export type FindMailbox = (address: string) => Promise<Mailbox | undefined>;

async function findUser(graph: Graph, address: string): Promise<DirectoryUser | undefined> {
  const purpose = 'look up a user';
  const byName = await graph.request<DirectoryUser>({
    method: 'GET',
    path: `/users/${encodeURIComponent(address)}?$select=${USER_FIELDS}`,
    purpose,
    // 400: the address can be no user principal name, yet may be somebody's mail address.
    accept: (status, code) => noSuchUser(status, code) || status === 400,
  });
  if (byName !== undefined) return byName;
  const quoted = address.replaceAll("'", "''");
  const filter = `mail eq '${quoted}' or proxyAddresses/any(p:p eq 'smtp:${quoted}')`;
  const found = await graph.request<{ readonly value: readonly DirectoryUser[] }>({
    method: 'GET',
    path: `/users?$filter=${encodeURIComponent(filter)}&$count=true&$select=${USER_FIELDS}`,
    headers: { ConsistencyLevel: 'eventual' },
    purpose,
    // An address that Graph cannot even look for is nobody's.
    accept: (status) => status === 400,
  });
  return found?.value[0];
}

async function lookUp(graph: Graph, address: string): Promise<Mailbox | undefined> {
  const user = await findUser(graph, address);
  if (user === undefined) return undefined;
  const mailbox = { id: user.id, address: (user.mail ?? user.userPrincipalName).toLowerCase() };
  try {
    const inbox = await graph.request({
      method: 'GET',
      path: `/users/${encodeURIComponent(user.id)}/mailFolders/inbox?$select=id`,
      mailboxId: user.id,
      purpose: 'look for a mailbox',
      accept: noSuchUser,
    });
    return inbox === undefined ? undefined : mailbox;
  } catch (error) {
    // A mailbox that is closed to us is a mailbox: its delivery fails for that reason, and is seen, and the others get theirs.
    if (error instanceof PermanentError) return mailbox;
    throw error;
  }
}

/**
 * Makes the look-up. Questions for the same address that come at the same time are asked once; failures are not remembered.
 *
 * @param now - Time in ms, for the ages of what is remembered.
 */
export function createDirectory(graph: Graph, now: () => number): FindMailbox {
  const remembered = new LRUCache<string, { readonly mailbox: Mailbox | undefined }>({
    max: limits.directoryEntries,
    perf: { now },
    ttl: limits.directoryFoundMs,
    ttlResolution: 0,
    fetchMethod: async (address, _stale, { options }) => {
      const mailbox = await lookUp(graph, address);
      options.ttl = mailbox === undefined ? limits.directoryNotFoundMs : limits.directoryFoundMs;
      return { mailbox };
    },
  });
  return async (address) => (await remembered.fetch(address.toLowerCase()))?.mailbox;
}
