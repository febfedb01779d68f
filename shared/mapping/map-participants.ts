/**
 * Maps the participants of an item to mailboxes: for each the mapping file first, then the e-mail address.
 *
 * @module
 */
import type { CountryCode } from 'libphonenumber-js/min';
import { PermanentError } from '../errors.ts';
import type { Participant } from '../item/parsed-item.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { MappingTable } from './mapping-table.ts';
import { readNumber } from './phone-number.ts';

/** Look-ups of one item under way at one time. An import lane has one item, and the directory's own limits come on top. */
const LOOK_UPS_AT_ONCE = 8;

/** What maps participants. */
export interface MappingRules {
  /** The mapping file; absent where custom mapping is off. */
  readonly mapping?: MappingTable | undefined;
  /** Whether e-mail addresses map (setting MAPPING_AUTOMATIC). */
  readonly automatic: boolean;
  readonly defaultCountry?: CountryCode | undefined;
  /**
   * Finds the mailbox of an address, `undefined` where it is no valid user. Asked once for an address, however many participants have it.
   *
   * What it throws becomes {@link MappedParticipants.failure}.
   */
  readonly findMailbox: (address: string) => Promise<Mailbox | undefined>;
}

/** How a participant was mapped. */
export type MappedBy = 'csv' | 'address' | 'none';

/** Outcome of the mapping. */
export interface MappedParticipants {
  /** Distinct by id, in the order of the participants; empty where the item is unmapped. */
  readonly mailboxes: readonly Mailbox[];
  /** For each participant, in order, what mapped it: tells why an item went where it did without saying who took part. */
  readonly mappedBy: readonly MappedBy[];
  /** Why some participants could not be looked up; the others are mapped all the same. Of several, one that passes by itself. */
  readonly failure?: Error;
}

/**
 * Maps the participants of an item. For each, the mapping file is asked for all readings of its numbers; if that yields no valid user, the
 * participant's own address counts (required behaviour, point 6).
 * A look-up that fails keeps nobody else from getting the item.
 */
export async function mapParticipants(participants: readonly Participant[], rules: MappingRules): Promise<MappedParticipants> {
  const lookUps = new Map<string, Promise<Mailbox | undefined>>();
  const lookUp = (address: string): Promise<Mailbox | undefined> => {
    const key = address.toLowerCase();
    const known = lookUps.get(key) ?? rules.findMailbox(key);
    lookUps.set(key, known);
    return known;
  };

  const mapOne = async (participant: Participant): Promise<{ mailbox?: Mailbox; mappedBy: MappedBy }> => {
    for (const text of participant.numberTexts) {
      const address = rules.mapping?.find(readNumber(text, rules.defaultCountry));
      const mailbox = address === undefined ? undefined : await lookUp(address);
      if (mailbox !== undefined) return { mailbox, mappedBy: 'csv' };
    }
    const mailbox = rules.automatic && participant.address !== undefined ? await lookUp(participant.address) : undefined;
    return mailbox === undefined ? { mappedBy: 'none' } : { mailbox, mappedBy: 'address' };
  };

  const results: { mailbox?: Mailbox; mappedBy: MappedBy }[] = [];
  const failures: Error[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < participants.length) {
      const index = next++;
      const participant = participants[index];
      try {
        if (participant !== undefined) results[index] = await mapOne(participant);
      } catch (error) {
        results[index] = { mappedBy: 'none' };
        failures.push(error instanceof Error ? error : new Error('A look-up failed without saying why.', { cause: error }));
      }
    }
  };
  await Promise.all(Array.from({ length: LOOK_UPS_AT_ONCE }, work));

  const mailboxes = new Map<string, Mailbox>();
  for (const { mailbox } of results) {
    if (mailbox !== undefined) mailboxes.set(mailbox.id, mailbox);
  }
  const mapped = { mailboxes: [...mailboxes.values()], mappedBy: results.map(({ mappedBy }) => mappedBy) };
  const failure = failures.find((one) => !(one instanceof PermanentError)) ?? failures[0];
  return failure === undefined ? mapped : { ...mapped, failure };
}
