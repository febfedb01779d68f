/**
 * Reads a copy back from a mailbox and says in what it differs from what was sent.
 *
 * @module
 */
import { ITEM_KEY_PROPERTY } from './compose-message.ts';
import type { Graph } from './graph-client.ts';
import type { Mailbox } from './mailbox.ts';

/** What a copy has to be. */
export interface ExpectedCopy {
  readonly contentKey: string;
  /** ISO 8601 UTC. */
  readonly sentAt: string;
  readonly attachments: readonly { readonly content: { readonly byteLength: number } }[];
}

/** A way in which a copy is not what was sent. */
export type CopyDifference = 'missing' | 'draft' | 'times' | 'attachments' | 'key';

interface HeldCopy {
  readonly isDraft: boolean;
  readonly sentDateTime: string;
  readonly receivedDateTime: string;
  readonly attachments?: readonly { readonly size: number }[];
  readonly singleValueExtendedProperties?: readonly { readonly value: string }[];
}

/**
 * Whether all attachments are there, whole. Exchange counts some bytes of its own into an attachment's size (816 came back as 1,053 in
 * microsoft-graph-docs issue 9796), so only a smaller one proves a loss.
 */
export function attachmentsAreWhole(sizes: readonly number[], expected: ExpectedCopy['attachments']): boolean {
  const bySize = (one: number, other: number) => one - other;
  const wanted = expected.map(({ content }) => content.byteLength).toSorted(bySize);
  return sizes.length === wanted.length && sizes.toSorted(bySize).every((size, at) => size >= (wanted[at] ?? 0));
}

function sameSecond(one: string, other: string): boolean {
  // Exchange keeps whole seconds in what it shows.
  return Math.floor(Date.parse(one) / 1000) === Math.floor(Date.parse(other) / 1000);
}

/**
 * Compares one copy.
 *
 * @param messageId - Immutable id of the message.
 * @throws the errors of the Graph request, but for a message that is not there.
 */
export async function compareCopy(graph: Graph, mailbox: Mailbox, messageId: string, expected: ExpectedCopy): Promise<CopyDifference[]> {
  const property = encodeURIComponent(`id eq '${ITEM_KEY_PROPERTY}'`);
  const held = await graph.request<HeldCopy>({
    method: 'GET',
    path: `/users/${encodeURIComponent(mailbox.id)}/messages/${encodeURIComponent(messageId)}?$select=isDraft,sentDateTime,receivedDateTime&$expand=attachments($select=size),singleValueExtendedProperties($filter=${property})`,
    mailboxId: mailbox.id,
    purpose: 'read an item back',
    accept: (_status, code) => code === 'ErrorItemNotFound',
  });
  if (held === undefined) return ['missing'];
  const differences: CopyDifference[] = [];
  if (held.isDraft) differences.push('draft');
  if (!sameSecond(held.sentDateTime, expected.sentAt) || !sameSecond(held.receivedDateTime, expected.sentAt)) differences.push('times');
  const sizes = (held.attachments ?? []).map(({ size }) => size);
  if (!attachmentsAreWhole(sizes, expected.attachments)) differences.push('attachments');
  if (held.singleValueExtendedProperties?.[0]?.value !== expected.contentKey) differences.push('key');
  return differences;
}
