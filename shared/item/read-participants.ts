/**
 * Finds out who took part in an item: the people of From, To, Cc and of the "User's Email address" property, each once.
 *
 * @module
 */
import { PermanentError } from '../errors.ts';
import { limits } from '../limits.ts';
import { findNumberTexts } from '../mapping/phone-number.ts';
import { readEmailAddress } from './email-address.ts';
import type { Address, Participant, ParticipantRole } from './parsed-item.ts';

/** A local part that is nothing but a number, as in `16175550999@sms.example`. One with a few digits in it may be any employee's. */
const NUMBER_LOCAL_PART = /^(\+?\d{7,15})@/;

function findNumbers({ name, address }: Address, valid: string | undefined): string[] {
  const inName = findNumberTexts(name);
  if (inName.length > 0) return inName;
  // Some formats put the number where the address belongs: `Ada <16175550101>`.
  if (valid === undefined) return findNumberTexts(address);
  const local = NUMBER_LOCAL_PART.exec(valid)?.[1];
  return local === undefined ? [] : [local];
}

/** The property may separate its addresses by blanks alone; the address parser then takes the first and leaves the rest in the name. */
function splitProperty(entry: Address): Address[] {
  const more = entry.name.split(/\s+/).filter((word) => readEmailAddress(word) !== undefined);
  return [entry, ...more.map((address) => ({ name: '', address }))];
}

interface Person {
  name: string;
  readonly address: string | undefined;
  readonly numberTexts: Set<string>;
  readonly role: ParticipantRole;
}

/** Whether two entries of one address are one person. Several people share one where it is a switchboard's or the archive's own. */
function isSamePerson(person: Person, numberTexts: readonly string[]): boolean {
  return person.numberTexts.size === 0 || numberTexts.length === 0 || numberTexts.some((text) => person.numberTexts.has(text));
}

/**
 * Joins the people of an item by address, or by their first number where they have no address, in the order From, To, Cc, property. Two
 * numbers at one address stay two participants: the mapping file may know each of them.
 *
 * @returns only those with an address or a number: nobody else can have a mailbox.
 * @throws PermanentError `too-many-participants` for more than `limits.participants`.
 */
export function readParticipants(people: Readonly<Record<ParticipantRole, readonly Address[]>>): Participant[] {
  const participants: Person[] = [];
  const byKey = new Map<string, Person[]>();
  const roles = [
    ['from', people.from],
    ['to', people.to],
    ['cc', people.cc],
    ['property', people.property.flatMap(splitProperty)],
  ] as const;
  for (const [role, entries] of roles) {
    for (const entry of entries) {
      const address = readEmailAddress(entry.address);
      const numberTexts = findNumbers(entry, address);
      const key = address ?? numberTexts[0];
      if (key === undefined) continue;
      const namesakes = byKey.get(key) ?? [];
      const known = namesakes.find((person) => isSamePerson(person, numberTexts));
      if (known === undefined) {
        const person = { name: entry.name, address, numberTexts: new Set(numberTexts), role };
        participants.push(person);
        byKey.set(key, [...namesakes, person]);
      } else {
        known.name ||= entry.name;
        for (const text of numberTexts) known.numberTexts.add(text);
      }
    }
  }
  if (participants.length > limits.participants) {
    throw new PermanentError(
      'too-many-participants',
      `The item has more than ${limits.participants} participants (limit participants). Look at its raw bytes.`,
    );
  }
  return participants.map((person) => ({ ...person, numberTexts: [...person.numberTexts] }));
}
