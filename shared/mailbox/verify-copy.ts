/**
 * Reads a copy back from a mailbox and says in what it differs from what was sent.
 *
 * What Exchange changes by itself is no difference: it keeps whole seconds, its own line ends and white space at the end, display names of the
 * directory, and attachments that are larger by its own properties.
 *
 * @module
 */
import type { Message } from '@microsoft/microsoft-graph-types';
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

type ExpectedAttachment = { readonly name: string; readonly content: { readonly byteLength: number } };

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
  'missing' | 'draft' | 'key' | 'sha256' | 'times' | 'subject' | 'sender' | 'recipients' | 'message-id' | 'body' | 'attachments';

/** An attachment as Graph lists it. */
export interface HeldAttachment {
  readonly name: string | null;
  readonly size: number;
}

interface HeldCopy extends SentContent {
  readonly isDraft: boolean;
  readonly sentDateTime: string;
  readonly receivedDateTime: string;
  readonly attachments?: readonly HeldAttachment[];
  readonly singleValueExtendedProperties?: readonly { readonly id: string; readonly value: string }[];
}

/** How to reach what is compared. */
export interface CompareDeps {
  readonly graph: Graph;
  readonly findMailbox: FindMailbox;
}

const order = (one: string, other: string) => (one < other ? -1 : Number(one > other));

/**
 * Whether all attachments are there under their names, whole. Exchange counts some bytes of its own into an attachment's size (816 came back
 * as 1,053 in microsoft-graph-docs issue 9796), so only a smaller one proves a loss.
 */
export function attachmentsAreWhole(held: readonly HeldAttachment[], expected: ExpectedCopy['attachments']): boolean {
  const inOrder = (list: readonly { readonly name: string; readonly size: number }[]) =>
    list
      .map(({ name, size }) => ({ name: name.trim(), size }))
      .toSorted((one, other) => order(one.name, other.name) || one.size - other.size);
  const wanted = inOrder(expected.map(({ name, content }) => ({ name, size: content.byteLength })));
  const there = inOrder(held.map(({ name, size }) => ({ name: name ?? '', size })));
  return (
    there.length === wanted.length &&
    wanted.every(({ name, size }, at) => there[at] !== undefined && there[at].name === name && there[at].size >= size)
  );
}

function sameSecond(one: string, other: string): boolean {
  // Exchange keeps whole seconds in what it shows.
  return Math.floor(Date.parse(one) / 1000) === Math.floor(Date.parse(other) / 1000);
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

const SHOWN = 'isDraft,sentDateTime,receivedDateTime,subject,body,from,sender,toRecipients,ccRecipients,internetMessageId';

/**
 * Compares one copy, in one request.
 *
 * @param messageId - Immutable id of the message.
 * @param expected - Only its identity where nothing else is known of it any more.
 * @throws the errors of the Graph request, but for a message that is not there; those of the directory, where an address is another one.
 */
export async function compareCopy(
  { graph, findMailbox }: CompareDeps,
  mailbox: Mailbox,
  messageId: string,
  expected: CopyIdentity | ExpectedCopy,
): Promise<CopyDifference[]> {
  const properties = encodeURIComponent(`id eq '${ITEM_KEY_PROPERTY}' or id eq '${ITEM_SHA256_PROPERTY}'`);
  const wantsText = 'sent' in expected && expected.sent.body?.contentType === 'text';
  const held = await graph.request<HeldCopy>({
    method: 'GET',
    path: `/users/${encodeURIComponent(mailbox.id)}/messages/${encodeURIComponent(messageId)}?$select=${SHOWN}&$expand=attachments($select=name,size),singleValueExtendedProperties($filter=${properties})`,
    // Without it Graph may give a text as HTML.
    ...(wantsText ? { headers: { Prefer: 'IdType="ImmutableId", outlook.body-content-type="text"' } } : {}),
    mailboxId: mailbox.id,
    purpose: 'read an item back',
    accept: (_status, code) => code === 'ErrorItemNotFound',
  });
  if (held === undefined) return ['missing'];
  const property = (wanted: string) =>
    held.singleValueExtendedProperties?.find(({ id }) => id.toLowerCase() === wanted.toLowerCase())?.value;
  const differences: CopyDifference[] = [];
  if (held.isDraft) differences.push('draft');
  if (property(ITEM_KEY_PROPERTY) !== expected.contentKey) differences.push('key');
  if (property(ITEM_SHA256_PROPERTY) !== expected.sha256) differences.push('sha256');
  return 'sent' in expected ? [...differences, ...(await contentDifferences(findMailbox, held, expected))] : differences;
}
