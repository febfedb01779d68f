/**
 * Reads a staged item as far as it may be read: its content key, who took part in it, and its content where that is not too large.
 *
 * @module
 */
import { contentKey as makeContentKey } from '../item/content-key.ts';
import { parseItem } from '../item/parse-item.ts';
import type { ParsedItem, Participant } from '../item/parsed-item.ts';
import { readHeadParticipants, readIdentity, type ItemIdentity } from '../item/read-identity.ts';
import { limits } from '../limits.ts';
import { maskNumber } from '../reports/mask-number.ts';
import { readStagedHead, readStagedItem, stagedBlobName } from '../storage/stage-item.ts';
import type { ImportMessage } from './messages.ts';
import type { Pipeline } from './pipeline.ts';

/** Numbers shown of one item: a group of a thousand would fill the column. */
const MASKED_NUMBERS = 50;

/** What is known of a staged item. */
export interface OpenedItem {
  readonly contentKey: string;
  /** Mobile numbers of the participants, masked, for the reports. */
  readonly maskedNumbers: string;
  /** Absent where the item is too large to be imported. */
  readonly content?: { readonly raw: Buffer; readonly parsed: ParsedItem };
}

type Reading = Pick<Pipeline, 'settings' | 'archiver' | 'storage'>;

/** The likeliest number of each participant, so that an operator sees whose row is missing in the mapping file. */
function maskNumbers(participants: readonly Participant[]): string {
  const numbers = participants.flatMap(({ numberTexts: [first] }) => (first === undefined ? [] : [maskNumber(first)]));
  return [...new Set(numbers)].slice(0, MASKED_NUMBERS).join('; ');
}

const readHead = ({ storage }: Reading, message: ImportMessage): Promise<Buffer> =>
  readStagedHead(storage.containers.items, stagedBlobName(message), Math.min(message.size, limits.identityHeaderBytes));

/**
 * Reads a staged item as far as it may be read.
 *
 * @throws PermanentError where it cannot be, and errors of storage.
 */
export async function openItem(pipeline: Reading, message: ImportMessage): Promise<OpenedItem> {
  const { settings, archiver, storage } = pipeline;
  const options = { userEmailHeader: settings.USER_EMAIL_HEADER };
  const keyOf = ({ archiveMessageId, isDeletion, deletionKind }: ItemIdentity) =>
    makeContentKey({ archiverId: archiver.id, sha256Hex: message.sha256, archiveMessageId, isDeletion, deletionKind });
  if (message.size > settings.MAX_ITEM_BYTES) {
    const head = await readHead(pipeline, message);
    return { contentKey: keyOf(readIdentity(head)), maskedNumbers: maskNumbers(readHeadParticipants(head, options)) };
  }
  const raw = await readStagedItem(storage.containers.items, stagedBlobName(message), message);
  const parsed = await parseItem(raw, options);
  const opened = { contentKey: keyOf(parsed), maskedNumbers: maskNumbers(parsed.participants) };
  const oversize = parsed.attachments.some(({ content }) => content.byteLength > settings.MAX_ITEM_BYTES);
  return oversize ? opened : { ...opened, content: { raw, parsed } };
}

/**
 * The masked numbers of an item that {@link openItem} refuses.
 *
 * @returns empty where its head names none.
 * @throws PermanentError (`staged-bytes-missing`), and errors of storage.
 */
export async function readMaskedNumbers(pipeline: Reading, message: ImportMessage): Promise<string> {
  const options = { userEmailHeader: pipeline.settings.USER_EMAIL_HEADER };
  return maskNumbers(readHeadParticipants(await readHead(pipeline, message), options));
}
