/**
 * What the app lives through while it is killed: an ordinary day, and a day of trouble with an operator who mends it.
 *
 * @module
 */
import { itemKeyOf } from '../../shared/ledger/item-row.ts';
import { listParked } from '../../shared/pipeline/parked-items.ts';
import { readReconciliation } from '../../shared/pipeline/reconcile-run.ts';
import type { HostProcess } from '../../local/host/start-host-process.ts';
import { sms, type World } from '../support/world.ts';
import { makeItem, type FaultItem, type ItemKind } from './make-items.ts';

/** A life of the app. Killed and started again it goes on; whatever people do is done again until it has taken effect. */
export interface Life {
  readonly items: readonly FaultItem[];
  /** What host.json says otherwise of queues. */
  readonly queues: object;
  /** Before each start of the app. */
  begin(world: World): void;
  /** When the queues are empty, before the sweep. */
  drained(world: World): Promise<void>;
  /** When runs stay open although nothing moves: an operator asks again for what a kill has cut off. */
  askAgain(world: World, host: HostProcess): Promise<void>;
  /** When all runs are complete. @returns whether nothing is left to be done. */
  tend(world: World, host: HostProcess): Promise<boolean>;
}

const RUN = 'enterprise-number-000001';
const nothing = () => Promise.resolve();

function make(kinds: readonly ItemKind[]): FaultItem[] {
  const items: FaultItem[] = [];
  for (const kind of kinds) items.push(makeItem(kind, items.length, items));
  return items;
}

/** Every kind of item, and nothing goes wrong. */
export function ordinaryDay(): Life {
  return {
    items: make(['two', 'attached', 'large', 'unmapped', 'oversize', 'twin', 'deletion']),
    queues: {},
    begin: () => undefined,
    drained: nothing,
    askAgain: nothing,
    tend: () => Promise.resolve(true),
  };
}

/** Ids that differ and whose items have the same shard of a run, so that one request carries both rows. */
function sameShard(id: string): string {
  const shardOf = (of: string) => itemKeyOf('enterprise-number', of).charAt(0);
  for (let number = 0; ; number += 1) if (shardOf(`other-${number}`) === shardOf(id)) return `other-${number}`;
}

/** Whom the mapping file of the second try knows. */
const NEW_NUMBER = '16175550977';

function troubledItems(): FaultItem[] {
  // The first two are one page of the list; the third has the content of the first, and is there before it.
  const [first, second, ...others] = make(['two', 'one', 'twin', 'attached', 'group', 'one', 'oversize']) as [FaultItem, FaultItem];
  const mappedLater: FaultItem = {
    ...makeItem('unmapped', 7, []),
    eml: Buffer.from(sms({ id: 'm-7', from: `A ${NEW_NUMBER} <a@elsewhere.example>`, to: 'B <b@elsewhere.example>' })),
    mailboxes: ['eve@contoso.example'],
  };
  const neverMapped = makeItem('unmapped', 8, []);
  return [first, { ...second, id: sameShard(first.id) }, ...others, mappedLater, neverMapped];
}

async function ask(host: HostProcess, path: string, body: object): Promise<void> {
  const claims = [
    { typ: 'oid', val: 'operator-1' },
    { typ: 'roles', val: 'Archive.Operator' },
  ];
  const headers = { 'x-ms-client-principal': Buffer.from(JSON.stringify({ claims })).toString('base64') };
  const response = await fetch(`${host.httpUrl}/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  // A failure answers 500, and the next round asks again.
  await response.arrayBuffer();
}

/** Throttling, a refused upload, a mailbox that never answers, an unmapped item and a lost row; then an operator who mends all of it. */
export function dayOfTrouble(): Life {
  const items = troubledItems();
  const [first, , , , , lost, oversize, mappedLater] = items;
  let isMended = false;
  let isLost = false;
  return {
    items,
    // Given up after two tries, a second apart.
    queues: { maxDequeueCount: 2, visibilityTimeout: '00:00:01' },
    begin(world) {
      if (isMended) return;
      world.teleMessage.setFaults([
        { match: { kind: 'content', id: first?.id ?? '' }, effect: { type: 'status', status: 429, retryAfterSeconds: 1 } },
      ]);
      world.graph.setFaults([
        { match: { kind: 'add-attachment' }, effect: { type: 'status', status: 400, code: 'ErrorInvalidRequest' } },
        // Two deliveries of one item, which are put back to work in one request.
        ...['chen@contoso.example', 'eve@contoso.example'].map((mailbox) => ({
          match: { kind: 'create-message' as const, mailbox },
          effect: { type: 'status' as const, status: 400, code: 'ErrorInvalidRequest' },
        })),
        { match: { kind: 'create-message', mailbox: 'dana@contoso.example' }, times: 1_000, effect: { type: 'status', status: 504 } },
      ]);
    },
    async drained({ pipeline }) {
      if (isLost) return;
      const row = await pipeline.ledger.items.find(lost?.id ?? '');
      if (row?.endedAt === undefined) return;
      isLost = true;
      await pipeline.storage.tables.items.deleteEntity(row.partitionKey ?? '', row.rowKey ?? '');
    },
    async askAgain({ pipeline }, host) {
      // The sweep would put them back to work too, after three hours.
      const { items: parked } = await listParked(pipeline);
      for (const { itemKey, outcome } of parked) if (outcome === 'pending') await ask(host, 'parked/reprocess', { itemKey });
    },
    async tend(world, host) {
      const { pipeline } = world;
      isMended = true;
      world.graph.setFaults([]);
      const mapping = pipeline.storage.containers.config.getBlockBlobClient('mapping.csv');
      if (!(await mapping.exists())) {
        const text = `External User ID,Microsoft 365 User Mailbox\n${NEW_NUMBER},eve@contoso.example\n`;
        await mapping.upload(text, Buffer.byteLength(text));
        return false;
      }
      const { items: parked } = await listParked(pipeline);
      // A kill may have used up its tries before it was mapped at all: then it is put back to work with the others.
      if (parked.some(({ sourceId, reason }) => sourceId === mappedLater?.id && reason === 'unmapped')) return false;
      if (parked.some(({ reason }) => reason !== 'oversize' && reason !== 'unmapped')) {
        await ask(host, 'parked/reprocess', { all: true });
        return false;
      }
      const tooLarge = parked.find(({ reason }) => reason === 'oversize');
      if (tooLarge !== undefined) {
        await ask(host, 'parked/discard', { itemKey: tooLarge.itemKey, reason: `${oversize?.kind} on purpose` });
        return false;
      }
      if ((await readReconciliation(pipeline, RUN))?.finishedAt !== undefined) return true;
      await ask(host, 'reconcile', { runId: RUN });
      return false;
    },
  };
}
