/**
 * The users of the simulated tenant, found by id, user principal name or address.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { directoryName } from './safe-names.ts';
import type { AddressTerm } from './odata-filters.ts';
import type { DirectoryUser } from './options.ts';

/** A user with what the simulator derives. */
export interface DirectoryEntry {
  readonly id: string;
  readonly user: DirectoryUser;
  /** Name of the mailbox's folder on disk. */
  readonly mailboxDirectory: string;
  /** Everything the user is known by, lower case: id, user principal name, addresses. */
  readonly names: ReadonlySet<string>;
}

/** Look-ups, all without regard to case. */
export interface Directory {
  find(idOrPrincipalName: string): DirectoryEntry | undefined;
  /** Users that match any of the terms, in the order of the directory. */
  search(terms: readonly AddressTerm[]): DirectoryEntry[];
}

/** A GUID that is the same for the same user principal name at every start. */
function guidOf(userPrincipalName: string): string {
  const hex = createHash('sha256').update(userPrincipalName.toLowerCase()).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function addTo(map: Map<string, DirectoryEntry[]>, key: string, entry: DirectoryEntry): void {
  const entries = map.get(key);
  if (entries === undefined) map.set(key, [entry]);
  else if (!entries.includes(entry)) entries.push(entry);
}

/**
 * Builds the look-ups.
 *
 * @throws Error where two users share a user principal name: a tenant cannot hold both.
 */
export function createDirectory(users: readonly DirectoryUser[]): Directory {
  const byName = new Map<string, DirectoryEntry>();
  const byAddress = { mail: new Map<string, DirectoryEntry[]>(), proxyAddresses: new Map<string, DirectoryEntry[]>() };
  const order = new Map<DirectoryEntry, number>();
  const directories = new Set<string>();
  for (const user of users) {
    const principalName = user.userPrincipalName.toLowerCase();
    if (byName.has(principalName)) throw new Error(`The directory names the user ${user.userPrincipalName} twice.`);
    const id = guidOf(principalName);
    const mail = user.mail?.toLowerCase();
    // Two users may wrongly share an address; their mailboxes must still not share a folder on disk.
    const wanted = [mail, principalName, id].filter((name) => name !== undefined).map(directoryName);
    const mailboxDirectory = wanted.find((name) => !directories.has(name)) ?? directoryName(id);
    if (user.hasMailbox) directories.add(mailboxDirectory);
    const proxies = (user.proxyAddresses ?? []).map((address) => address.toLowerCase());
    const names = new Set([
      id,
      principalName,
      ...(mail === undefined ? [] : [mail]),
      ...proxies.map((proxy) => proxy.replace(/^smtp:/, '')),
    ]);
    const entry: DirectoryEntry = { id, user, mailboxDirectory, names };
    order.set(entry, order.size);
    byName.set(principalName, entry);
    byName.set(id, entry);
    if (mail !== undefined) addTo(byAddress.mail, mail, entry);
    for (const proxy of proxies) addTo(byAddress.proxyAddresses, proxy, entry);
  }
  return {
    find: (idOrPrincipalName) => byName.get(idOrPrincipalName.toLowerCase()),
    search(terms) {
      const found = new Set(terms.flatMap(({ property, value }) => byAddress[property].get(value.toLowerCase()) ?? []));
      return [...found].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    },
  };
}
