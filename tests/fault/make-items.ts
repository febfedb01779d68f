/**
 * The items of the fault tests, each with what has to become of it whatever happens on the way.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mms, sms } from '../support/world.ts';

/** Kinds of items; the last three need an item before them. */
export const itemKinds = ['one', 'two', 'group', 'attached', 'large', 'unmapped', 'oversize', 'twin', 'retold', 'deletion'] as const;
/** One of {@link itemKinds}. */
export type ItemKind = (typeof itemKinds)[number];

/** An item and its due end. */
export interface FaultItem {
  readonly id: string;
  readonly kind: ItemKind;
  readonly eml: Buffer;
  /** Of several items with the same content one is imported, and the others are its duplicates. */
  readonly content: string;
  /** The reason for which it is parked; undefined where it is imported. */
  readonly parked?: 'unmapped' | 'oversize';
  /** Who gets a copy. */
  readonly mailboxes: readonly string[];
  /** SHA-256 of the attachments that each copy has, sorted. */
  readonly attachments: readonly string[];
}

/** For MAX_ITEM_BYTES: just above the largest item that is imported. */
export const MAX_ITEM_BYTES = 5_000_000;

const ADA = 'ada@contoso.example';
const BEN = 'ben@contoso.example';
const address = (name: string) => `${name} <${name.toLowerCase()}@contoso.example>`;
const GROUP = ['Ben', 'Chen', 'Dana', 'Eve'];

/** @param before - The items so far, which a twin, a retold item and a deletion refer to. */
export function makeItem(kind: ItemKind, number: number, before: readonly FaultItem[]): FaultItem {
  const id = `item-${number}`;
  const content = `m-${number}`;
  const withFiles = (sizes: readonly number[]) => {
    const files = sizes.map((size, index) => Buffer.alloc(size, `${number} ${index} abcdefg`));
    const attachments = files.map((file) => createHash('sha256').update(file).digest('hex')).sort();
    return { eml: Buffer.from(mms(content, files, { to: '16175550998 <b@elsewhere.example>' })), attachments };
  };
  const item = { id, kind, content, attachments: [] };
  const model = before.find(({ parked }) => parked === undefined);
  switch (kind) {
    case 'one':
      return { ...item, eml: Buffer.from(sms({ id: content, to: '16175550998 <b@elsewhere.example>' })), mailboxes: [ADA] };
    case 'two':
      return { ...item, eml: Buffer.from(sms({ id: content })), mailboxes: [ADA, BEN] };
    case 'group':
      return {
        ...item,
        eml: Buffer.from(sms({ id: content, to: GROUP.map(address).join(', ') })),
        mailboxes: [ADA, ...GROUP.map((name) => `${name.toLowerCase()}@contoso.example`)],
      };
    case 'attached':
      return { ...item, ...withFiles([30_000, 20_000]), mailboxes: [ADA] };
    case 'large':
      // More than one range of an upload session (3,276,800 bytes each).
      return { ...item, ...withFiles([3_400_000]), mailboxes: [ADA] };
    case 'unmapped':
      return {
        ...item,
        eml: Buffer.from(sms({ id: content, from: 'A <a@elsewhere.example>', to: 'B <b@elsewhere.example>' })),
        parked: 'unmapped',
        mailboxes: [],
      };
    case 'oversize':
      return { ...item, eml: Buffer.from(sms({ id: content, text: 'x'.repeat(MAX_ITEM_BYTES) })), parked: 'oversize', mailboxes: [] };
    case 'twin':
      return model === undefined ? makeItem('one', number, before) : { ...model, id, kind };
    case 'retold':
      if (model === undefined) return makeItem('two', number, before);
      return { ...model, id, kind, eml: Buffer.from(model.eml.toString().replace(/^Subject: /m, 'Subject: again: ')) };
    case 'deletion': {
      if (model === undefined || model.kind === 'deletion') return makeItem('two', number, before);
      const eml = Buffer.from(model.eml.toString().replace(/^Subject: /m, 'Subject: DELETED - READ - '));
      return { ...model, id, kind, content: `deletion of ${model.content}`, eml };
    }
  }
}
