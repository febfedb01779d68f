/**
 * Reads a copy back from a mailbox and says in what it differs from what was sent.
 *
 * What Exchange changes by itself is no difference: it keeps whole seconds, its own line ends and white space at the end, display names of the
 * directory, and attachments that are larger by its own properties.
 *
 * @module
 */
import type { Message } from '@microsoft/microsoft-graph-types';
import { sameSecond } from '../item/read-date.ts';
import { attachmentsAreWhole, type ExpectedAttachment, type HeldAttachment } from './compare-attachments.ts';
import { sameRecipients } from './compare-recipients.ts';
import { ITEM_KEY_PROPERTY, ITEM_SHA256_PROPERTY, type SentContent } from './compose-message.ts';
import type { FindMailbox } from './directory.ts';
import type { Graph } from './graph-client.ts';
import type { Mailbox } from './mailbox.ts';
import { showsOtherText } from './visible-text.ts';

/** By which properties a copy is known to be the copy of an item. */
export interface CopyIdentity {
  readonly contentKey: string;
  /** SHA-256 of the raw item, lower-case hex. */
  readonly sha256: string;
}

/** What a copy has to be. */
export interface ExpectedCopy extends CopyIdentity {
  /** ISO 8601 UTC. */
  readonly sentAt: string;
  readonly sent: SentContent;
  readonly attachments: readonly ExpectedAttachment[];
  /** Another list that is right as well. */
  readonly otherAttachments?: readonly ExpectedAttachment[];
}

/** A way in which a copy is not what was sent. These words are part of the report format. */
export type CopyDifference =
  'draft' | 'key' | 'sha256' | 'times' | 'subject' | 'sender' | 'recipients' | 'message-id' | 'body' | 'attachments';

/** A copy as Graph gives it. */
export interface HeldCopy extends SentContent {
  readonly parentFolderId: string;
  readonly isDraft: boolean;
  readonly sentDateTime: string;
  readonly receivedDateTime: string;
  readonly attachments?: readonly HeldAttachment[];
  readonly singleValueExtendedProperties?: readonly { readonly id: string; readonly value: string }[];
}

/** The words of a text: how they are spaced and broken into lines is Exchange's. */
function words(text: string | null | undefined): string {
  return (text ?? '').replace(/[\s\p{Cc}]+/gu, ' ').trim();
}

function otherBody(sent: SentContent['body'], held: SentContent['body']): boolean {
  if (sent?.contentType === 'html') return showsOtherText(sent.content ?? '', held?.content ?? '');
  return words(sent?.content) !== words(held?.content);
}

async function contentDifferences(findMailbox: FindMailbox, held: HeldCopy, expected: ExpectedCopy): Promise<CopyDifference[]> {
  const { sent, sentAt, attachments, otherAttachments } = expected;
  const people = (name: 'from' | 'sender') => sameRecipients(findMailbox, listOf(sent[name]), listOf(held[name]));
  const list = (name: 'toRecipients' | 'ccRecipients') => sameRecipients(findMailbox, sent[name] ?? [], held[name] ?? []);
  const differences: CopyDifference[] = [];
  if (!sameSecond(held.sentDateTime, sentAt) || !sameSecond(held.receivedDateTime, sentAt)) differences.push('times');
  if (words(held.subject) !== words(sent.subject)) differences.push('subject');
  // An item without a sender is created without one, and what Exchange then shows is its own.
  if (sent.from && !((await people('from')) && (await people('sender')))) differences.push('sender');
  if (!((await list('toRecipients')) && (await list('ccRecipients')))) differences.push('recipients');
  if (sent.internetMessageId && held.internetMessageId?.trim() !== sent.internetMessageId) differences.push('message-id');
  if (otherBody(sent.body, held.body)) differences.push('body');
  const there = held.attachments ?? [];
  const right = [attachments, ...(otherAttachments === undefined ? [] : [otherAttachments])];
  if (!right.some((one) => attachmentsAreWhole(there, one))) differences.push('attachments');
  return differences;
}

function listOf(recipient: Message['from']) {
  return recipient ? [recipient] : [];
}

const SHOWN = 'parentFolderId,isDraft,sentDateTime,receivedDateTime,subject,body,from,sender,toRecipients,ccRecipients,internetMessageId';

/**
 * Reads a copy, in one request.
 *
 * @param messageId - Immutable id of the message.
 * @param expected - What it will be compared with: a body that was sent as text is read as text.
 * @returns undefined for a message that is not there.
 * @throws the other errors of the request.
 */
export async function readCopy(
  graph: Graph,
  mailbox: Mailbox,
  messageId: string,
  expected: CopyIdentity | ExpectedCopy,
): Promise<HeldCopy | undefined> {
  const properties = encodeURIComponent(`id eq '${ITEM_KEY_PROPERTY}' or id eq '${ITEM_SHA256_PROPERTY}'`);
  const wantsText = 'sent' in expected && expected.sent.body?.contentType === 'text';
  return graph.request<HeldCopy>({
    method: 'GET',
    path: `/users/${encodeURIComponent(mailbox.id)}/messages/${encodeURIComponent(messageId)}?$select=${SHOWN}&$expand=attachments($select=name,size),singleValueExtendedProperties($filter=${properties})`,
    // Without it Graph may give a text as HTML.
    ...(wantsText ? { headers: { Prefer: 'IdType="ImmutableId", outlook.body-content-type="text"' } } : {}),
    mailboxId: mailbox.id,
    purpose: 'read an item back',
    accept: (_status, code) => code === 'ErrorItemNotFound',
  });
}

/**
 * Compares a copy that was read.
 *
 * @param expected - Only its identity where nothing else is known of it any more.
 * @throws the errors of the directory, where an address is another one.
 */
export async function compareCopy(
  findMailbox: FindMailbox,
  held: HeldCopy,
  expected: CopyIdentity | ExpectedCopy,
): Promise<CopyDifference[]> {
  const property = (wanted: string) =>
    held.singleValueExtendedProperties?.find(({ id }) => id.toLowerCase() === wanted.toLowerCase())?.value;
  const differences: CopyDifference[] = [];
  if (held.isDraft) differences.push('draft');
  if (property(ITEM_KEY_PROPERTY) !== expected.contentKey) differences.push('key');
  if (property(ITEM_SHA256_PROPERTY) !== expected.sha256) differences.push('sha256');
  return 'sent' in expected ? [...differences, ...(await contentDifferences(findMailbox, held, expected))] : differences;
}
