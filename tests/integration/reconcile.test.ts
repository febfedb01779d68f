/** Reconciliation: whatever was lost or altered after a run is found, named and reported, and nothing else is. @module */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { beginReconciliations } from '../../shared/pipeline/reconcile-request.ts';
import { advanceReconciliations, readReconciliation, reconcileRun, startReconciliation } from '../../shared/pipeline/reconcile-run.ts';
import { readState } from '../../shared/pipeline/reconcile-state.ts';
import { reconcileSteps } from '../../shared/pipeline/reconcile-steps.ts';
import { changeLimits } from '../support/change-limits.ts';
import { makeWorld, mms, sms, startStorage, type World, type WorldOptions } from '../support/world.ts';

const ADA = 'ada@contoso.example';
const BEN = 'ben@contoso.example';
const ARCHIVE = 'Enterprise Number Archiver';
const RUN = 'enterprise-number-000001';
const asGraph = { headers: { Prefer: 'IdType="ImmutableId"', 'Content-Type': 'application/json' } };
const bytes = (size: number) => Buffer.alloc(size, 'x');

/** What the report says of a copy that is gone: it may be where Graph cannot look. */
const GONE = 'not found, unless an archive policy has moved it to the in-place archive';

interface Person {
  emailAddress: { name?: string; address?: string };
}
interface Held {
  id: string;
  isDraft: boolean;
  sentDateTime: string;
  receivedDateTime: string;
  subject: string;
  internetMessageId: string;
  body: { contentType: string; content: string };
  from: Person;
  sender: Person;
  toRecipients: Person[];
  ccRecipients: Person[];
  singleValueExtendedProperties: { id: string; value: string }[];
  attachments: { name: string; size: number }[];
}
interface Found {
  readonly problem: string;
  readonly sourceId: string;
  readonly mailbox?: string;
  readonly detail: string;
  readonly explanation: string;
}

describe('reconciliation', () => {
  let storage: Azurite;
  before(async () => {
    storage = await startStorage();
  });
  after(() => storage.stop());

  /** A world whose mailboxes the test can reach into. */
  async function withWorld(options: Partial<WorldOptions>, work: (world: World, root: string) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'reconcile-'));
    const root = join(folder, 'mailboxes');
    const world = await makeWorld({ storage, ...options, graph: { root, ...options.graph } });
    try {
      await work(world, root);
      assert.deepEqual(world.graph.requests.warnings, [], 'the simulated Graph was asked something that Graph does not know');
    } finally {
      await world.close();
      await rm(folder, { recursive: true, force: true });
    }
  }

  const reportOf = async (world: World, name: string) => {
    const { reports } = world.pipeline.storage.containers;
    const text = async (of: string) => (await reports.getBlobClient(of).downloadToBuffer()).toString();
    const json = JSON.parse(await text(name)) as {
      checked: Record<string, number>;
      problemsByKind: Record<string, number>;
      problems: Found[];
    };
    const rows = parse<Record<string, string>>(await text(name.replace(/json$/, 'csv')), { columns: true, bom: true });
    return { ...json, rows };
  };
  /** Re-checks the first run and gives what was found, in short. */
  const reconcile = async (world: World) => {
    const { report, finishedAt, problems } = await reconcileRun(world.pipeline, RUN, 'tester');
    assert.ok(finishedAt, 'it did not finish');
    const written = await reportOf(world, report);
    assert.equal(written.rows.length, problems, 'the CSV file has a row for every problem');
    assert.deepEqual(
      written.rows.map((row) => [row['Problem'], row['Item id'], row['Microsoft 365 user id'], row['Detail']]),
      written.problems.map(({ problem, sourceId, mailbox = '', detail }) => [problem, sourceId, mailbox, detail]),
    );
    const found = written.problems.map(({ problem, sourceId, mailbox, detail }) =>
      [problem, sourceId, mailbox, detail].filter(Boolean).join(' · '),
    );
    return { found: found.sort(), checked: written.checked };
  };
  const blobOf = async (world: World, id: string) => {
    const row = await world.pipeline.ledger.items.find(id);
    return world.pipeline.storage.containers.items.getBlockBlobClient(`${RUN}/${row?.itemKey}.eml`);
  };
  /** Changes the only message of a mailbox where it lies. */
  const alter = async (root: string, address: string, change: (held: Held) => void) => {
    const place = join(root, address, ARCHIVE);
    const [file = ''] = (await readdir(place)).filter((name) => /^\d+\.json$/.test(name));
    const held = JSON.parse(await readFile(join(place, file), 'utf8')) as Held;
    change(held);
    await writeFile(join(place, file), JSON.stringify(held));
  };
  const idOf = async (root: string, address: string) => {
    let id = '';
    await alter(root, address, (held) => {
      id = held.id;
    });
    return id;
  };
  const onFolder = async (world: World, address: string, name: string, method: string, path = '', body?: object) => {
    const folders = `${world.graph.baseUrl}/v1.0/users/${address}/mailFolders`;
    const list = (await (await fetch(`${folders}?$filter=displayName%20eq%20'${encodeURIComponent(name)}'`, asGraph)).json()) as {
      value: { id: string }[];
    };
    const url = `${folders}/${list.value[0]?.id}${path}`;
    const answer = await fetch(url, { ...asGraph, method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    assert.ok(answer.ok, `${method} ${path} was answered ${answer.status}`);
  };
  /** Puts a message like a copy into the archive folder. */
  const addCopy = async (world: World, address: string, { singleValueExtendedProperties: held }: Held, key?: string) => {
    const properties = held.map(({ id, value }) => ({ id, value: key !== undefined && id.endsWith('ArchiveItemKey') ? key : value }));
    await onFolder(world, address, ARCHIVE, 'POST', '/messages', { subject: 'again', singleValueExtendedProperties: properties });
  };
  const onMessage = async (world: World, root: string, address: string, method: string, path = '', body?: object) => {
    const url = `${world.graph.baseUrl}/v1.0/users/${address}/messages/${await idOf(root, address)}${path}`;
    const answer = await fetch(url, { ...asGraph, method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    assert.ok(answer.ok, `${method} ${path} was answered ${answer.status}`);
  };

  test('a run of which nothing was lost or altered has no problem, and all of it was looked at', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '9000000' } }, async (world) => {
      world.add('sms', sms({ id: 'sms' }));
      world.add('again', sms({ id: 'sms' }));
      world.add('mms', mms('mms', [bytes(10), bytes(5_000), Buffer.alloc(0)]));
      world.add('large', mms('large', [bytes(4_000_000)]));
      world.add('no-date', sms({ id: 'no-date' }).replace(/Date: .*\r\n/, ''));
      world.add('unmapped', sms({ id: 'u', from: 'N <n@elsewhere.example>', to: 'M <m@elsewhere.example>' }));
      world.add('oversize', mms('oversize', [bytes(9_000_000)]));
      await world.day();
      const { counts } = world.graph.requests;
      const asked = () => [counts['get-message'] ?? 0, counts['find-message'] ?? 0, counts['find-user'] ?? 0] as const;
      const before = asked();
      const { found, checked } = await reconcile(world);
      assert.deepEqual(found, []);
      assert.deepEqual(
        asked().map((count, at) => count - (before[at] ?? 0)),
        [8, 8, 0],
        'two requests a copy',
      );
      assert.deepEqual(checked, { items: 7, pending: 0, rawItems: 7, rawItemsIntact: 7, copies: 8, copiesIntact: 8 });
    }));

  test('a duplicate promises no copies, although its import ended after the original had taken its place', () =>
    withWorld({}, async (world) => {
      for (const id of ['first', 'second']) world.add(id, sms({ id: 'same' }));
      // The first one's download fails once, so that the second is delivered before it.
      world.teleMessage.setFaults([
        { match: { kind: 'content', id: 'first' }, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } },
      ]);
      await world.day();
      const { items } = world.pipeline.ledger;
      const [first, second] = [await items.find('first'), await items.find('second')];
      assert.ok(first && second);
      assert.equal(second.duplicateOf, 'first');
      const deliveries = [ADA, BEN].map((mailbox) => ({ mailbox, state: 'imported' as const }));
      await items.ended(second, { outcome: 'imported', contentKey: first.contentKey ?? '', deliveries });
      const { found, checked } = await reconcile(world);
      assert.deepEqual(found, []);
      assert.deepEqual([checked['copies'], checked['copiesIntact']], [2, 2]);
    }));

  test('a copy that somebody deleted is missing', () =>
    withWorld({}, async (world, root) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      await onMessage(world, root, ADA, 'DELETE');
      const { found, checked } = await reconcile(world);
      assert.deepEqual(found, [`copy-missing · x · ${ADA} · ${GONE}`]);
      assert.deepEqual([checked['copies'], checked['copiesIntact'], checked['rawItemsIntact']], [2, 1, 1]);
    }));

  test('a copy that a user deleted in Outlook, which moves it to Deleted Items, is missing', () =>
    withWorld({}, async (world, root) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      await onMessage(world, root, ADA, 'POST', '/move', { destinationId: 'deleteditems' });
      assert.deepEqual((await reconcile(world)).found, [`copy-missing · x · ${ADA} · it is in Deleted Items`]);
    }));

  test('a copy that a user moved elsewhere is reported as moved', () =>
    withWorld({}, async (world, root) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      await onMessage(world, root, BEN, 'POST', '/move', { destinationId: 'inbox' });
      assert.deepEqual((await reconcile(world)).found, [`copy-moved · x · ${BEN}`]);
    }));

  test('with the folder all copies in it are missing', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      world.add('y', sms({ id: 'y' }));
      await world.day();
      await onFolder(world, ADA, ARCHIVE, 'DELETE');
      assert.deepEqual((await reconcile(world)).found, [`copy-missing · x · ${ADA} · ${GONE}`, `copy-missing · y · ${ADA} · ${GONE}`]);
    }));

  for (const bin of ['deleteditems', 'recoverableitemsdeletions']) {
    test(`with a folder that a user deleted in Outlook, at any depth, its copies are missing: ${bin}`, () =>
      withWorld({}, async (world) => {
        for (const id of ['x', 'y', 'z']) world.add(id, sms({ id }));
        await world.day();
        const place = `${world.graph.baseUrl}/v1.0/users/${ADA}/mailFolders`;
        const made = await fetch(place, { ...asGraph, method: 'POST', body: JSON.stringify({ displayName: 'Old' }) });
        const { id: destinationId } = (await made.json()) as { id: string };
        await onFolder(world, ADA, ARCHIVE, 'POST', '/move', { destinationId });
        assert.deepEqual(
          (await reconcile(world)).found,
          ['x', 'y', 'z'].map((id) => `copy-moved · ${id} · ${ADA}`),
        );
        await onFolder(world, ADA, 'Old', 'POST', '/move', { destinationId: bin });
        const before = world.graph.requests.counts['get-folder'] ?? 0;
        assert.deepEqual(
          (await reconcile(world)).found,
          ['x', 'y', 'z'].map((id) => `copy-missing · ${id} · ${ADA} · it is in Deleted Items`),
        );
        const asked = (world.graph.requests.counts['get-folder'] ?? 0) - before;
        assert.ok(asked <= 5, `three copies in one folder, and ${asked} questions about folders`);
      }));
  }

  test('a copy that lies twice in the archive folder is reported with its number, and the other messages of its second are not counted', () =>
    withWorld({}, async (world, root) => {
      world.add('x', mms('x', [bytes(300)]));
      await world.day();
      let copy: Held | undefined;
      await alter(root, ADA, (held) => (copy = held));
      assert.ok(copy);
      // More than a page of them, made before the second copy.
      for (let other = 0; other < 110; other += 1) await addCopy(world, ADA, copy, `key-${other}`);
      assert.equal((await reconcile(world)).checked['copiesIntact'], 2);
      await addCopy(world, ADA, copy);
      const { found, checked } = await reconcile(world);
      assert.deepEqual(found, [`copy-doubled · x · ${ADA} · 2 copies`]);
      assert.deepEqual([checked['copies'], checked['copiesIntact']], [2, 1]);
      await (await blobOf(world, 'x')).delete();
      assert.deepEqual((await reconcile(world)).found, [`copy-doubled · x · ${ADA} · 2 copies`, 'raw-item-missing · x']);
    }));

  for (const [name, detail, change] of [
    ['became a draft', 'draft', (held) => (held.isDraft = true)],
    [
      'lost its identity',
      'key',
      (held) =>
        (held.singleValueExtendedProperties = held.singleValueExtendedProperties.filter(({ id }) => !id.endsWith('ArchiveItemKey'))),
    ],
    [
      'names other evidence',
      'sha256',
      (held) => (held.singleValueExtendedProperties.find(({ id }) => id.endsWith('ArchiveItemSha256'))!.value = 'a'.repeat(64)),
    ],
    ['has another subject', 'subject', (held) => (held.subject = 'SMS from 16175550101 to 16175550109')],
    ['has no subject', 'subject', (held) => (held.subject = '')],
    ['has other words', 'body', (held) => (held.body.content = 'See no attachments')],
    ['comes from a colleague', 'sender', (held) => (held.from.emailAddress.address = BEN)],
    ['was sent by a colleague', 'sender', (held) => (held.sender.emailAddress.address = BEN)],
    ['went to a colleague', 'recipients', (held) => (held.toRecipients[0]!.emailAddress.address = 'chen@contoso.example')],
    ['went to an outsider', 'recipients', (held) => (held.toRecipients[0]!.emailAddress.address = 'b@elsewhere.example')],
    ['went to one more', 'recipients', (held) => held.ccRecipients.push({ emailAddress: { address: 'chen@contoso.example' } })],
    ['went to nobody', 'recipients', (held) => held.toRecipients.pop()],
    ['has another message id', 'message-id', (held) => (held.internetMessageId = '<2@example.org>')],
    ['has an attachment of another name', 'attachments', (held) => (held.attachments[1]!.name = 'invoice.bin')],
    [
      'has attachments that changed their names',
      'attachments',
      ({ attachments: [one, other] }) => ([one!.name, other!.name] = [other!.name, one!.name]),
    ],
    ['was sent at another time', 'times', (held) => (held.sentDateTime = '2026-11-22T09:14:04Z')],
    ['was received at another time', 'times', (held) => (held.receivedDateTime = '2026-11-21T09:14:03Z')],
    ['lost an attachment', 'attachments', (held) => held.attachments.pop()],
    ['has a shorter attachment', 'attachments', (held) => (held.attachments[0]!.size = 100)],
  ] satisfies [string, string, (held: Held) => unknown][]) {
    test(`a copy that ${name} is reported as altered`, () =>
      withWorld({}, async (world, root) => {
        world.add('x', mms('x', [bytes(5_000), bytes(200)], { extra: ['Message-ID: <1@example.org>'] }));
        await world.day();
        await alter(root, ADA, change);
        const { found, checked } = await reconcile(world);
        assert.deepEqual(found, [`copy-altered · x · ${ADA} · ${detail}`]);
        assert.deepEqual([checked['copies'], checked['copiesIntact']], [2, 1]);
      }));
  }

  test('what Exchange itself changes is no alteration', () =>
    withWorld({}, async (world, root) => {
      const from = 'Ada <ada.alias@contoso.example>';
      const to = 'Ben <ben.alias@contoso.example>, "16175550177" <16175550177>, Chen <chen@contoso.example>';
      world.add('x', mms('x', [bytes(100)], { from, to, text: 'one\ntwo' }));
      await world.day();
      await alter(root, ADA, (held) => {
        held.subject += ' ';
        held.body.content = `${held.body.content.replaceAll('\n', '\r\n')}\r\n \r\n`;
        held.from = { emailAddress: { name: 'Ada of the directory', address: 'Ada@Contoso.example' } };
        held.sender = { emailAddress: { name: 'Ada', address: '/O=EXCHANGELABS/OU=EXCHANGE/CN=RECIPIENTS/CN=ADA' } };
        held.toRecipients = [
          { emailAddress: { name: 'Chen of the directory', address: 'CHEN@contoso.example' } },
          { emailAddress: { name: '16175550177' } },
          { emailAddress: { name: 'Ben', address: 'ben@contoso.example' } },
        ];
        held.attachments[0]!.size += 1_000;
      });
      const { found, checked } = await reconcile(world);
      assert.deepEqual(found, []);
      // A copy whose read-back failed would not be looked at here.
      assert.deepEqual([checked['copies'], checked['copiesIntact']], [3, 3]);
    }));

  const html = (content: string) => sms({ id: 'x', text: content }).replace('text/plain', 'text/html');
  for (const [name, content, found] of [
    ['simple HTML', '<p class="a">Deal <b>done</b> &amp; dusted&#33;</p>', [`copy-altered · x · ${ADA} · body`]],
    ['HTML that Graph may clean', '<style>b { color: red }</style><table><tr><td>Deal done!</td></tr></table>', []],
  ] satisfies [string, string, string[]][]) {
    test(`other words in ${name} are ${found.length === 0 ? 'not told from what Graph does' : 'found'}`, () =>
      withWorld({}, async (world, root) => {
        world.add('x', html(content));
        await world.day();
        assert.equal((await reconcile(world)).checked['copiesIntact'], 2);
        await alter(root, ADA, (held) => (held.body.content = held.body.content.replace('Deal', 'No deal')));
        assert.deepEqual((await reconcile(world)).found, found);
      }));
  }

  test('a copy whose id the ledger does not know is found by its key', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      const { deliveries } = world.pipeline.storage.tables;
      for await (const { partitionKey = '', rowKey = '' } of deliveries.listEntities()) {
        await deliveries.updateEntity({ partitionKey, rowKey, messageId: 'AAkALgunknown=' }, 'Merge');
      }
      assert.deepEqual((await reconcile(world)).found, []);
    }));

  test('ATTACH_ORIGINAL may be changed after the import', () =>
    withWorld({ settings: { ATTACH_ORIGINAL: 'true' } }, async (world, root) => {
      world.add('x', mms('x', [bytes(300)]));
      await world.day();
      assert.deepEqual((await reconcile(world)).found, []);
      world.restart({ ATTACH_ORIGINAL: 'false' });
      assert.deepEqual((await reconcile(world)).found, []);
      await alter(root, ADA, (held) => held.attachments.splice(0, 2));
      assert.deepEqual((await reconcile(world)).found, [`copy-altered · x · ${ADA} · attachments`]);
    }));

  for (const [name, problem, change] of [
    ['removed', 'raw-item-missing', () => undefined],
    ['changed in one byte', 'raw-item-altered', (eml: string) => eml.replace('hello', 'hallo')],
    ['made longer', 'raw-item-altered', (eml: string) => `${eml}.`],
    ['made shorter', 'raw-item-altered', (eml: string) => eml.slice(0, -1)],
    ['emptied', 'raw-item-altered', () => ''],
  ] satisfies [string, string, (eml: string) => string | undefined][]) {
    test(`a raw item that was ${name} is found, and its copies are looked at all the same`, () =>
      withWorld({}, async (world, root) => {
        world.add('x', sms({ id: 'x' }));
        world.add('u', sms({ id: 'u', from: 'N <n@elsewhere.example>', to: 'M <m@elsewhere.example>' }));
        await world.day();
        await onMessage(world, root, BEN, 'DELETE');
        for (const id of ['x', 'u']) {
          const blob = await blobOf(world, id);
          const text = change((await blob.downloadToBuffer()).toString());
          if (text === undefined) await blob.delete();
          else await blob.upload(text, Buffer.byteLength(text));
        }
        const { found, checked } = await reconcile(world);
        assert.deepEqual(found, [`copy-missing · x · ${BEN} · ${GONE}`, `${problem} · u`, `${problem} · x`]);
        assert.deepEqual(checked, { items: 2, pending: 0, rawItems: 2, rawItemsIntact: 0, copies: 2, copiesIntact: 1 });
      }));
  }

  test('a row that the ledger lost is found', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      world.add('y', sms({ id: 'y' }));
      await world.day();
      const { deliveries, items } = world.pipeline.storage.tables;
      const y = await world.pipeline.ledger.items.find('y');
      for await (const row of deliveries.listEntities<{ mailbox: string; contentKey: string }>()) {
        const { partitionKey = '', rowKey = '', mailbox, contentKey } = row;
        if (mailbox === ADA && contentKey === y?.contentKey) await deliveries.deleteEntity(partitionKey, rowKey);
      }
      const x = await world.pipeline.ledger.items.find('x');
      await items.deleteEntity(x?.partitionKey ?? '', x?.rowKey ?? '');
      assert.deepEqual((await reconcile(world)).found, [
        'ledger-row-missing · the run counted 2 items, and the ledger has 1',
        `ledger-row-missing · y · ${ADA} · the delivery`,
      ]);
    }));

  test('a mailbox that nobody may read any more is reported, and the others are looked at', () =>
    withWorld({}, async (world, root) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      await onMessage(world, root, BEN, 'DELETE');
      world.graph.setConditions([{ mailbox: ADA, condition: 'accessDenied' }]);
      assert.deepEqual((await reconcile(world)).found, [
        `copy-missing · x · ${BEN} · ${GONE}`,
        `mailbox-unreachable · x · ${ADA} · the archiver has no right to this mailbox`,
      ]);
    }));

  test('many copies of one mailbox are checked within the mailbox’s limit of requests at one time', () =>
    withWorld({}, async (world) => {
      for (let item = 0; item < 20; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      await world.day();
      world.graph.setMailboxConcurrency(3);
      const { found, checked } = await reconcile(world);
      assert.deepEqual(found, []);
      assert.equal(checked['copiesIntact'], 40);
      assert.equal(
        world.log.some((line) => line.includes('reconciliation.delayed')),
        false,
      );
    }));

  test('a throttled mailbox makes it wait, not fail, and it goes on in a later sweep', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      world.graph.setFaults([
        { match: { kind: 'get-message', mailbox: ADA }, times: 2, effect: { type: 'status', status: 429, retryAfterSeconds: 600 } },
      ]);
      const started = await reconcileRun(world.pipeline, RUN, 'tester');
      assert.equal(started.finishedAt, undefined);
      const requests = world.graph.requests.log.length;
      assert.equal(await advanceReconciliations(world.pipeline), 1);
      assert.equal(world.graph.requests.log.length, requests, 'the mailbox asked for ten minutes');
      for (let sweep = 0; sweep < 2; sweep += 1) {
        world.advance(601_000);
        await advanceReconciliations(world.pipeline);
      }
      const ended = await readReconciliation(world.pipeline, RUN);
      assert.ok(ended?.finishedAt);
      assert.deepEqual((await reportOf(world, ended.report)).problems, []);
    }));

  test('a mailbox that never answers ends as not checked instead of holding it up for ever', (context) => {
    changeLimits(context, { retryAfterDefaultMs: 1_000 });
    return withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      world.add('y', sms({ id: 'y', from: 'Ben <ben@contoso.example>', to: 'Chen <chen@contoso.example>' }));
      await world.day();
      world.graph.setFaults([{ match: { kind: 'get-message', mailbox: ADA }, times: 1_000, effect: { type: 'status', status: 500 } }]);
      await startReconciliation(world.pipeline, RUN, 'tester');
      let sweeps = 0;
      for (; (await advanceReconciliations(world.pipeline)) > 0; sweeps += 1) {
        assert.ok(sweeps < 50, 'it never ends');
        world.advance(600_000);
      }
      assert.ok(sweeps >= 10, 'it gave up before the mailbox had two hours');
      const { report } = (await readReconciliation(world.pipeline, RUN))!;
      const { problems, checked } = await reportOf(world, report);
      assert.deepEqual(
        problems.map(({ problem, sourceId }) => [problem, sourceId]),
        [['not-checked', 'x']],
      );
      assert.match(problems[0]?.detail ?? '', /answered 500/);
      assert.deepEqual([checked['items'], checked['copies'], checked['copiesIntact']], [2, 2, 2]);
    });
  });

  test('done a few items at a time, it finds the same as in one go', () =>
    withWorld({}, async (world) => {
      for (let item = 0; item < 10; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      await world.day();
      for (const item of [0, 3, 4, 9]) await (await blobOf(world, `x${item}`)).delete();
      const inOneGo = await reconcile(world);
      assert.equal(inOneGo.found.length, 4);
      const { report, number } = (await startReconciliation(world.pipeline, RUN, 'tester')) as { report: string; number: number };
      assert.equal(number, 2);
      let calls = 1;
      for (; (await advanceReconciliations(world.pipeline, 3)) > 0; calls += 1) {
        assert.ok(((await readReconciliation(world.pipeline, RUN))?.counts.items ?? 0) <= calls * 3);
      }
      assert.ok(calls >= 4, 'ten items were checked three at a time');
      const { problems, checked } = await reportOf(world, report);
      assert.deepEqual(problems.map(({ problem, sourceId }) => `${problem} · ${sourceId}`).sort(), inOneGo.found);
      assert.deepEqual(checked, inOneGo.checked);
    }));

  test('two instances that go on with one at the same time do the work once', () =>
    withWorld({}, async (world) => {
      for (let item = 0; item < 10; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      await world.day();
      await startReconciliation(world.pipeline, RUN, 'tester');
      await Promise.all([advanceReconciliations(world.pipeline), advanceReconciliations(world.restart())]);
      const ended = await readReconciliation(world.pipeline, RUN);
      assert.ok(ended?.finishedAt);
      assert.deepEqual([ended.counts.items, ended.counts.copies, ended.problems], [10, 20, 0]);
    }));

  test('an instance that was overtaken does not set the work back', () =>
    withWorld({}, async (world) => {
      for (let item = 0; item < 6; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      await world.day();
      await startReconciliation(world.pipeline, RUN, 'tester');
      const [run] = await world.pipeline.ledger.runs.all();
      const seen = await readState(world.pipeline, RUN);
      assert.ok(run && seen);
      const goOn = () => reconcileSteps(world.pipeline, run, seen, 3, new AbortController().signal);
      assert.equal(await goOn(), 3);
      await advanceReconciliations(world.pipeline);
      await assert.rejects(goOn(), /Another instance/);
      assert.ok((await readReconciliation(world.pipeline, RUN))?.finishedAt);
    }));

  test('one that is under way is not begun twice, and a finished one may be done anew', () =>
    withWorld({}, async (world) => {
      await world.day();
      const begin = async () => startReconciliation(world.pipeline, RUN, 'operator-7');
      const numbers = (await Promise.all([begin(), begin(), begin()])).map((one) => (typeof one === 'string' ? one : one.number));
      assert.deepEqual(numbers, [1, 1, 1]);
      await advanceReconciliations(world.pipeline);
      const second = await reconcileRun(world.pipeline, RUN, 'operator-7');
      assert.equal(second.report, `2026-11-23/${RUN}-reconciliation-2.json`);
      await reportOf(world, `2026-11-23/${RUN}-reconciliation-1.json`);
      const events: string[] = [];
      for await (const { text } of world.pipeline.audit.lines()) if (text.includes('operator.reconcile')) events.push(text);
      assert.match(events.at(-1) ?? '', /"by":"operator-7"/);
    }));

  test('a run that does not exist, or is still being listed, is refused', () =>
    withWorld({}, async (world) => {
      assert.equal(await startReconciliation(world.pipeline, RUN, 'tester'), 'no-such-run');
      await world.pipeline.ledger.runs.begin({ number: 1, from: world.now(), to: world.now() });
      assert.equal(await startReconciliation(world.pipeline, RUN, 'tester'), 'not-listed');
      await assert.rejects(reconcileRun(world.pipeline, RUN, 'tester'), /still being listed/);
    }));

  test('of a day, every run that ends on it is re-checked, but for those that are still being listed', () =>
    withWorld({}, async (world) => {
      await world.day();
      const [run] = await world.pipeline.ledger.runs.all();
      assert.ok(run);
      const day = run.to.slice(0, 10);
      const window = { from: new Date(run.from), to: new Date(run.to) };
      await world.pipeline.ledger.runs.begin({ number: 2, ...window });
      await world.pipeline.ledger.runs.begin({ number: 3, from: window.to, to: new Date(window.to.getTime() + 86_400_000) });
      const { reconciliations, notListed } = await beginReconciliations(world.pipeline, { day }, 'tester');
      assert.deepEqual([reconciliations.map(({ runId }) => runId), notListed], [[RUN], [RUN.replace('1', '2')]]);
      await advanceReconciliations(world.pipeline);
      assert.ok((await readReconciliation(world.pipeline, RUN))?.finishedAt);
    }));

  test('no number, address or body reaches the log', () =>
    withWorld({}, async (world, root) => {
      world.add('x', sms({ id: 'x', text: 'secret words' }));
      await world.day();
      await alter(root, BEN, (held) => (held.from.emailAddress.address = 'eve@contoso.example'));
      world.graph.setFaults([{ match: { kind: 'get-message', mailbox: ADA }, effect: { type: 'status', status: 500 } }]);
      await reconcileRun(world.pipeline, RUN, 'tester');
      await advanceReconciliations(world.pipeline);
      const log = world.log.join('\n');
      assert.match(log, /reconciliation\.delayed[^]*reconciliation\.finished/);
      assert.equal(/1617555|contoso|secret words|SMS from/.exec(log)?.[0], undefined);
    }));
});
