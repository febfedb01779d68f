/**
 * Says whether the people of a copy are those who were sent, whatever Exchange has made of their addresses.
 *
 * @module
 */
import type { Recipient } from '@microsoft/microsoft-graph-types';
import { readEmailAddress } from '../item/email-address.ts';
import type { FindMailbox } from './directory.ts';

/** Exchange's own form of an internal address (a legacy DN), which it shows where the directory no longer knows the user. */
const isInternalForm = (address: string) => address.startsWith('/o=');

function addressOf(recipient: Recipient): string {
  return (recipient.emailAddress?.address ?? '').trim().toLowerCase();
}

/**
 * Compares by address only: Exchange puts the directory's display names in place of those that were sent, and may put a user's main address
 * in place of an alias. A recipient without a valid address (a bare number, a name) is not sure to come back as it was sent, so it is only
 * counted.
 *
 * @param findMailbox - Asked only where an address is missing and another one is there in its place.
 * @throws the errors of the look-up.
 */
export async function sameRecipients(findMailbox: FindMailbox, sent: readonly Recipient[], held: readonly Recipient[]): Promise<boolean> {
  const wanted = new Set(sent.flatMap((recipient) => readEmailAddress(addressOf(recipient)) ?? []));
  const uncertain = sent.filter((recipient) => readEmailAddress(addressOf(recipient)) === undefined).length;
  const there = new Set(held.map(addressOf));
  const others = new Set([...there].filter((address) => !wanted.has(address)));
  for (const address of wanted) {
    if (there.has(address)) continue;
    const other = await sameUser(findMailbox, address, others);
    if (other === undefined) return false;
    others.delete(other);
  }
  return others.size <= uncertain;
}

async function sameUser(findMailbox: FindMailbox, address: string, others: ReadonlySet<string>): Promise<string | undefined> {
  for (const other of others) if (isInternalForm(other)) return other;
  const valid = [...others].filter((other) => readEmailAddress(other) !== undefined);
  const user = valid.length === 0 ? undefined : await findMailbox(address);
  if (user === undefined) return undefined;
  for (const other of valid) if ((await findMailbox(other))?.id === user.id) return other;
  return undefined;
}
