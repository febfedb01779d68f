/** Import: one whole copy in each mailbox, whatever Graph answers. @module */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { identityOf } from '../../shared/ledger/item-row.ts';
import { limits } from '../../shared/limits.ts';
import { downloadItem } from '../../shared/pipeline/download-item.ts';
import { importItem } from '../../shared/pipeline/import-item.ts';
import type { RunCounts } from '../../shared/pipeline/count-run.ts';
import type { ImportMessage } from '../../shared/pipeline/messages.ts';
import { reconcileRun } from '../../shared/pipeline/reconcile-run.ts';
import { RetryAfterError } from '../../shared/errors.ts';
import { stagedBlobName } from '../../shared/storage/stage-item.ts';
import { changeLimits } from '../support/change-limits.ts';
import { useWorlds } from '../support/use-worlds.ts';
import { mms, sms, type World } from '../support/world.ts';

const ADA = 'ada@contoso.example';
const BEN = 'ben@contoso.example';
const asGraph = { headers: { Prefer: 'IdType="ImmutableId"' } };
const KEY = 'String {6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name ArchiveItemKey';
const SHA256 = 'String {6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name ArchiveItemSha256';

describe('import', () => {
  const withWorld = useWorlds();

  test('each participant gets one copy, which is no draft and carries times, class, headers and identity', () =>
    withWorld({}, async (world) => {
      const eml = sms({ id: 'a-1' });
      world.add('89e7073266', eml);
      await world.day();
      const report = await world.outcome('89e7073266');
      assert.equal(report.outcome, 'imported');
      assert.deepEqual(report.deliveries.map(({ mailbox }) => mailbox).sort(), [ADA, BEN]);
      for (const address of [ADA, BEN]) {
        const [copy, ...others] = await world.mailbox(address);
        assert.equal(others.length, 0);
        assert.equal(copy?.isDraft, false);
        assert.equal(copy.sentDateTime, '2026-11-22T09:14:03Z');
        assert.equal(copy.receivedDateTime, '2026-11-22T09:14:03Z');
        assert.equal(copy.from?.emailAddress.name, 'Ada 16175550101');
        assert.equal(copy.sender?.emailAddress.address, ADA);
        assert.equal(copy.body.content.trim(), 'hello');
        const value = (id: string) => copy.singleValueExtendedProperties.find((property) => property.id === id)?.value;
        assert.equal(value('String 0x001A'), 'IPM.ExternalData.EnterpriseNumberArchiver');
        assert.match(value('String 0x007D') ?? '', /^From: Ada 16175550101 <ada@contoso.example>\r\nTo: /);
        assert.equal(value(KEY), report.contentKey);
        assert.equal(value(SHA256), createHash('sha256').update(eml).digest('hex'));
      }
    }));

  test('two participants with one mailbox get one copy', () =>
    withWorld({ mapping: 'External User ID,Microsoft 365 User Mailbox\n16175550109,ada@contoso.example\n' }, async (world) => {
      world.add(
        'x',
        sms({ from: 'Ada <ada.alias@contoso.example>', to: 'Work 16175550109 <else@private.example>', property: 'ada@contoso.example' }),
      );
      await world.day();
      assert.deepEqual((await world.outcome('x')).deliveries, [{ mailbox: ADA, state: 'imported' }]);
      assert.equal((await world.mailbox(ADA)).length, 1);
    }));

  test('a second run of the same day imports nothing twice and counts the items as relisted', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      world.add('y', sms({ id: 'y' }));
      await world.day();
      world.advance(60_000);
      await world.day();
      assert.equal((await world.mailbox(ADA)).length, 2);
      assert.equal((await world.report()).length, 2);
      assert.equal((await world.pipeline.ledger.runs.all()).at(-1)?.relisted, 2);
    }));

  test('many items that reach a new mailbox at once create one folder', () =>
    withWorld({}, async (world) => {
      for (let item = 0; item < 12; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      await world.day();
      assert.deepEqual(await world.folders(ADA), ['Enterprise Number Archiver']);
      assert.equal((await world.mailbox(ADA)).length, 12);
    }));

  test('a folder that another instance creates in between is used', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'create-folder', mailbox: ADA }, effect: { type: 'reset-after-effect' } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        assert.equal((await world.mailbox(ADA)).length, 1);
        assert.deepEqual(await world.folders(ADA), ['Enterprise Number Archiver']);
      },
    ));

  /** Lists, and transfers one item. @returns what the import queue says of it. */
  const stage = async (world: World, id: string): Promise<ImportMessage> => {
    await world.list();
    return world.download(id);
  };

  const deleteFolder = async (world: World, address: string): Promise<void> => {
    const folders = `${world.graph.baseUrl}/v1.0/users/${address}/mailFolders`;
    const found = await fetch(`${folders}?$filter=displayName%20eq%20'Enterprise%20Number%20Archiver'`, asGraph);
    const { value } = (await found.json()) as { readonly value: readonly { readonly id: string }[] };
    await fetch(`${folders}/${value[0]?.id}`, { ...asGraph, method: 'DELETE' });
  };

  test('a folder that the user deleted is created again', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      await deleteFolder(world, ADA);
      world.add('y', sms({ id: 'y' }));
      world.advance(60_000);
      await world.day();
      assert.equal((await world.outcome('y')).outcome, 'imported');
      assert.equal((await world.mailbox(ADA)).length, 1);
    }));

  test('an instance that remembers a folder which was deleted since finds the copy that another one made in the new folder', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.day();
      const remembering = world.pipeline;
      await deleteFolder(world, ADA);
      const other = world.restart();
      world.advance(60_000);
      world.add('y', sms({ id: 'y' }));
      const message = await stage(world, 'y');
      world.graph.setFaults([{ match: { kind: 'create-message', mailbox: ADA }, effect: { type: 'status-after-effect', status: 503 } }]);
      await assert.rejects(importItem(other, message));
      await importItem(remembering, message);
      assert.equal((await world.outcome('y')).outcome, 'imported');
      assert.equal((await world.mailbox(ADA)).length, 1);
    }));

  for (const [name, trouble, reason] of [
    ['closed to us', { conditions: [{ mailbox: ADA, condition: 'accessDenied' }] }, 'access-denied'],
    [
      'never answering',
      { faults: [{ match: { kind: 'get-inbox', mailbox: ADA }, times: 100, effect: { type: 'status', status: 500 } }] },
      'tries-used-up',
    ],
  ] as const) {
    test(`a mailbox that is ${name} from the first look-up on keeps nobody else from a copy`, () =>
      withWorld({ graph: trouble }, async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        const { outcome, reason: why } = await world.outcome('x');
        assert.deepEqual([outcome, why], ['partial', reason]);
        assert.equal((await world.mailbox(BEN)).length, 1);
        const [run] = await world.pipeline.ledger.runs.all();
        const { imported, failed, availableForImport } = JSON.parse(run?.counts ?? '{}') as RunCounts;
        assert.deepEqual([imported, failed, availableForImport], [1, 1, 2], 'the books know of the copy that is missing');
        const { counts, failed: lines } = JSON.parse(
          (
            await world.pipeline.storage.containers.reports.getBlobClient('2026-11-23/enterprise-number-000001.json').downloadToBuffer()
          ).toString(),
        ) as { counts: Record<string, number>; failed: { itemId: string; reason: string }[] };
        assert.equal(counts['Failed'], 1);
        assert.deepEqual(
          lines.map(({ itemId, reason: word }) => [itemId, word]),
          [['x', reason]],
        );
      }));
  }

  test('a mailbox whose look-up is throttled makes nobody else wait', () =>
    withWorld(
      {
        graph: {
          faults: [{ match: { kind: 'get-inbox', mailbox: ADA }, effect: { type: 'status', status: 429, retryAfterSeconds: 600 } }],
        },
      },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await assert.rejects(importItem(world.pipeline, await stage(world, 'x')), RetryAfterError);
        assert.equal((await world.mailbox(BEN)).length, 1);
        world.advance(600_000);
        await world.work();
        assert.equal((await world.outcome('x')).outcome, 'imported');
        assert.equal((await world.mailbox(ADA)).length, 1);
      },
    ));

  test('an address that the directory cannot even look for is nobody’s', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'find-user' }, effect: { type: 'status', status: 400, code: 'Request_UnsupportedQuery' } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x', to: 'Odd <odd@elsewhere.example>' }));
        await world.day();
        assert.deepEqual((await world.outcome('x')).deliveries, [{ mailbox: ADA, state: 'imported' }]);
      },
    ));

  test('in the steady state a delivered message costs one request to Graph', () =>
    withWorld({ settings: { VERIFY_SHARE: '0' } }, async (world) => {
      world.add('first', sms({ id: 'first' }));
      await world.day();
      const before = { ...world.graph.requests.counts };
      for (let item = 0; item < 10; item += 1) world.add(`x${item}`, sms({ id: `x${item}` }));
      world.advance(60_000);
      await world.day();
      const after = world.graph.requests.counts;
      const added = Object.entries(after).filter(([kind, count]) => count !== (before as Record<string, number>)[kind]);
      assert.deepEqual(added, [['create-message', 22]]);
    }));

  for (const [name, faults] of Object.entries({
    'a 503 after the copy was made': { type: 'status-after-effect', status: 503 },
    'a 504 after the copy was made': { type: 'status-after-effect', status: 504 },
    'a 500 before the copy was made': { type: 'status', status: 500 },
    'a connection that breaks after the copy was made': { type: 'reset-after-effect' },
    'a connection that breaks before the copy was made': { type: 'reset' },
    throttling: { type: 'status', status: 429, retryAfterSeconds: 120 },
    'throttling by 503': { type: 'status', status: 503, retryAfterSeconds: 30 },
  } as const)) {
    test(`${name} leaves one copy in the mailbox`, () =>
      withWorld({ graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, effect: faults }] } }, async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        assert.equal((await world.outcome('x')).outcome, 'imported');
        assert.equal((await world.mailbox(ADA)).length, 1);
        assert.equal((await world.mailbox(BEN)).length, 1);
      }));
  }

  test('a create that times out after its effect is looked for only when it can no longer take effect', async (context) => {
    changeLimits(context, { createMs: 300, requestMs: 300 });
    await withWorld(
      { graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, effect: { type: 'time-out-after-effect' } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        const began = world.now().getTime();
        await world.day();
        assert.equal((await world.mailbox(ADA)).length, 1);
        assert.ok(
          world.now().getTime() - began >= limits.createSettlesMs,
          'the clock did not move to the time when the attempt has settled',
        );
        assert.equal(world.graph.requests.counts['find-message'], 1);
      },
    );
  });

  test('throttling for longer than all tries together uses up none of them', () =>
    withWorld(
      {
        graph: {
          faults: [
            { match: { kind: 'create-message', mailbox: ADA }, times: 30, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } },
          ],
        },
      },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        assert.equal((await world.outcome('x')).outcome, 'imported');
      },
    ));

  for (const [name, eml, kind, last] of [
    ['creates', () => sms({ id: 'x' }), 'create-message', 500],
    ['uploads', () => mms('x', [Buffer.alloc(4_000_000)]), 'create-upload', 429],
  ] as const) {
    test(`throttled ${name} do not count among the attempts that were left in doubt`, () =>
      withWorld(
        {
          graph: {
            faults: [
              { match: { kind, mailbox: ADA }, times: 25, effect: { type: 'status', status: 429, retryAfterSeconds: 10 } },
              { match: { kind, mailbox: ADA }, times: 1, effect: { type: 'status', status: last } },
            ],
          },
        },
        async (world) => {
          world.add('x', eml());
          await world.day();
          assert.equal((await world.outcome('x')).outcome, 'imported');
          assert.equal((await world.mailbox(ADA)).length, 1);
        },
      ));
  }

  test('a delivery that is left in doubt every time is given up in the end', () =>
    withWorld(
      {
        graph: {
          faults: [{ match: { kind: 'create-message', mailbox: ADA }, times: 1_000, effect: { type: 'status', status: 504 } }],
        },
      },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        const message = await stage(world, 'x');
        for (let attempt = 0; attempt < limits.deliveryAttempts; attempt += 1) await assert.rejects(importItem(world.pipeline, message));
        await importItem(world.pipeline, message);
        assert.deepEqual(
          (await world.outcome('x')).deliveries.map(({ state, reason }) => [state, reason]),
          [
            ['failed', 'tries-used-up'],
            ['imported', undefined],
          ],
        );
      },
    ));

  test('a throttled mailbox does not hold up the others', () =>
    withWorld(
      {
        graph: {
          faults: [
            { match: { kind: 'create-message', mailbox: ADA }, times: 3, effect: { type: 'status', status: 429, retryAfterSeconds: 600 } },
          ],
        },
      },
      async (world) => {
        world.add('x', sms({ id: 'x', to: 'Chen <chen@contoso.example>' }));
        for (let item = 0; item < 5; item += 1) {
          world.add(`y${item}`, sms({ id: `y${item}`, from: 'Ben <ben@contoso.example>', to: 'Chen <chen@contoso.example>' }));
        }
        await world.day();
        const created = world.graph.requests.log.filter(({ path, status }) => status === 201 && path.includes('messages')).length;
        assert.equal(created, 12);
        // Chen's copy of x was there before Ada's wait was over, and was not made again with it.
        assert.equal((await world.mailbox('chen@contoso.example')).length, 6);
        assert.equal((await world.mailbox(ADA)).length, 1);
      },
    ));

  for (const [condition, reason] of [
    ['quotaExceeded', 'mailbox-full'],
    ['accessDenied', 'access-denied'],
    ['senderRefused', 'sender-refused'],
  ] as const) {
    test(`a mailbox with ${condition} parks its delivery as ${reason} and the others are kept`, () =>
      withWorld({}, async (world) => {
        // The directory and the folder are known by then: only the create is refused.
        world.add('w', sms({ id: 'w' }));
        await world.day();
        world.graph.setConditions([{ mailbox: ADA, condition }]);
        world.add('x', sms({ id: 'x' }));
        world.advance(60_000);
        await world.day();
        const report = await world.outcome('x');
        assert.equal(report.outcome, 'partial');
        assert.equal(report.reason, reason);
        assert.deepEqual(
          report.deliveries.toSorted((one, other) => one.mailbox.localeCompare(other.mailbox)),
          [
            { mailbox: ADA, state: 'failed', reason },
            { mailbox: BEN, state: 'imported' },
          ],
        );
        assert.equal((await world.mailbox(BEN)).length, 2);
        assert.equal(await world.depth('failed'), 1);
      }));
  }

  test('an item given up after one of its copies was made is partial, and its books know of that copy', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'create-message', mailbox: ADA }, times: 20, effect: { type: 'status', status: 500 } }] } },
      async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.day();
        const report = await world.outcome('x');
        assert.deepEqual([report.outcome, report.reason], ['partial', 'tries-used-up']);
        assert.deepEqual(report.deliveries.map(({ mailbox, state }) => `${mailbox} ${state}`).sort(), [`${ADA} failed`, `${BEN} imported`]);
        assert.equal((await world.mailbox(BEN)).length, 1);
      },
    ));

  test('large attachments are uploaded out of sight and arrive byte for byte', () =>
    withWorld({}, async (world) => {
      const contents = [5_000_000, 100_000, 2_500_000].map((size, index) => Buffer.alloc(size, `${index}abcdefg`));
      world.add('x', mms('x', contents));
      await world.day();
      assert.equal((await world.outcome('x')).outcome, 'imported');
      const [copy] = await world.mailbox(ADA);
      assert.deepEqual(
        copy?.attachments.map(({ sha256 }) => sha256).sort(),
        contents.map((content) => createHash('sha256').update(content).digest('hex')).sort(),
      );
      assert.deepEqual(await world.folders(ADA), ['Enterprise Number Archiver'], 'the staging folder is left empty');
      assert.equal(copy?.isDraft, false);
    }));

  for (const kind of ['create-message', 'create-upload', 'put-range', 'list-attachments', 'list-folders', 'move-message'] as const) {
    for (const effect of [
      { type: 'reset' },
      { type: 'reset-after-effect' },
      { type: 'status', status: 429, retryAfterSeconds: 5 },
      { type: 'status-after-effect', status: 503 },
    ] as const) {
      for (const skip of kind === 'list-folders' ? [0, 1] : [0]) {
        test(`an upload whose ${kind}${skip > 0 ? ' (second)' : ''} ends in ${effect.type} is delivered once and leaves nothing behind`, () =>
          withWorld({ graph: { faults: [{ match: { kind, mailbox: ADA }, skip, effect }] } }, async (world) => {
            world.add('x', mms('x', [Buffer.alloc(7_000_000, 'x')]));
            await world.day();
            assert.equal((await world.mailbox(ADA)).length, 1);
            assert.deepEqual(await world.folders(ADA), ['Enterprise Number Archiver']);
            assert.equal((await world.outcome('x')).outcome, 'imported');
          }));
      }
    }
  }

  for (const status of [404, 410, 416]) {
    test(`an upload whose range is answered with ${status} goes on, or begins anew`, () =>
      withWorld(
        { graph: { faults: [{ match: { kind: 'put-range', mailbox: ADA }, skip: 1, effect: { type: 'status', status } }] } },
        async (world) => {
          world.add('x', mms('x', [Buffer.alloc(7_000_000, 'x')]));
          await world.day();
          assert.equal((await world.outcome('x')).outcome, 'imported');
          assert.equal((await world.mailbox(ADA)).length, 1);
          assert.deepEqual(await world.folders(ADA), ['Enterprise Number Archiver']);
        },
      ));
  }

  test('what the upload host calls an error counts as it does elsewhere', () =>
    withWorld(
      {
        graph: {
          faults: [{ match: { kind: 'put-range', mailbox: ADA }, effect: { type: 'status', status: 403, code: 'ErrorQuotaExceeded' } }],
        },
      },
      async (world) => {
        world.add('x', mms('x', [Buffer.alloc(7_000_000, 'x')], { to: 'Out <o@outside.example>' }));
        await world.day();
        assert.equal((await world.outcome('x')).reason, 'mailbox-full');
      },
    ));

  test('a mailbox whose upload was throttled is asked for nothing before its time', () =>
    withWorld(
      {
        graph: {
          faults: [{ match: { kind: 'put-range', mailbox: ADA }, effect: { type: 'status', status: 429, retryAfterSeconds: 600 } }],
        },
      },
      async (world) => {
        world.add('x', mms('x', [Buffer.alloc(7_000_000, 'x')], { to: 'Out <o@outside.example>' }));
        world.add('y', sms({ id: 'y', to: 'Out <o@outside.example>' }));
        const message = await stage(world, 'x');
        await assert.rejects(importItem(world.pipeline, message), RetryAfterError);
        const asked = { ...world.graph.requests.counts };
        await assert.rejects(importItem(world.pipeline, await world.download('y')), RetryAfterError);
        assert.deepEqual(world.graph.requests.counts, asked);
        world.advance(600_000);
        await world.work();
        assert.equal((await world.mailbox(ADA)).length, 2);
        assert.deepEqual(await world.folders(ADA), ['Enterprise Number Archiver']);
      },
    ));

  test('a body that no request can carry arrives whole as an attachment', () =>
    withWorld({}, async (world) => {
      const text = 'all of it '.repeat(300_000);
      world.add('x', sms({ id: 'x', text }));
      await world.day();
      const [copy] = await world.mailbox(ADA);
      assert.match(copy?.body.content ?? '', /message-body\.txt/);
      const attached = createHash('sha256').update(`${text}\r\n`).digest('hex');
      const attachedUnix = createHash('sha256').update(`${text}\n`).digest('hex');
      assert.ok([attached, attachedUnix].includes(copy?.attachments[0]?.sha256 ?? ''));
    }));

  test('ATTACH_ORIGINAL adds the item as it came', () =>
    withWorld({ settings: { ATTACH_ORIGINAL: 'true' } }, async (world) => {
      const eml = sms({ id: 'x' });
      world.add('x', eml);
      await world.day();
      const [copy] = await world.mailbox(ADA);
      assert.deepEqual(
        copy?.attachments.map(({ name, sha256 }) => [name, sha256]),
        [['original.eml', createHash('sha256').update(eml).digest('hex')]],
      );
    }));

  test('an item of exactly MAX_ITEM_BYTES is imported and one byte more is parked with its bytes', () => {
    const eml = sms({ id: 'x', text: 'x'.repeat(2_000) });
    return withWorld({ settings: { MAX_ITEM_BYTES: String(Buffer.byteLength(eml)) } }, async (world) => {
      world.add('fits', eml);
      const larger = sms({ id: 'y', text: 'x'.repeat(2_001) });
      world.add('too-large', larger);
      await world.day();
      assert.equal((await world.outcome('fits')).outcome, 'imported');
      assert.equal((await world.outcome('too-large')).outcome, 'oversize');
      assert.equal(await world.depth('oversize'), 1);
      const kept: string[] = [];
      for await (const blob of world.pipeline.storage.containers.items.listBlobsFlat()) {
        kept.push((await world.pipeline.storage.containers.items.getBlobClient(blob.name).downloadToBuffer()).toString());
      }
      assert.ok(kept.includes(larger));
      assert.equal((await world.mailbox(ADA)).length, 1);
    });
  });

  test('an item nobody maps to is parked with its bytes, in a queue that never expires', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ from: '16175550998 <a@elsewhere.example>', to: '16175550997 <b@elsewhere.example>' }));
      world.add('no-licence', sms({ from: 'Noone <noone@contoso.example>', to: '16175550997 <b@elsewhere.example>' }));
      await world.day();
      for (const id of ['x', 'no-licence']) {
        assert.deepEqual(await world.outcome(id).then(({ outcome, deliveries }) => ({ outcome, deliveries })), {
          outcome: 'unmapped',
          deliveries: [],
        });
      }
      const { peekedMessageItems } = await world.pipeline.storage.queues.unmapped.peekMessages({ numberOfMessages: 2 });
      assert.equal(peekedMessageItems.length, 2);
      for (const { expiresOn, messageText } of peekedMessageItems) {
        assert.equal(expiresOn.getUTCFullYear(), 9999);
        const content = Buffer.from(messageText, 'base64').toString();
        assert.equal(/hello|elsewhere|1617555/.test(content), false, 'the message tells something of the item');
      }
    }));

  test('an item with the content of another is skipped, and a deletion is not', () =>
    withWorld({}, async (world) => {
      world.add('1', sms({ id: 'same' }));
      world.add('2', sms({ id: 'same' }));
      world.add('3', sms({ id: 'same', extra: ['X-TELEMESSAGE-Status: DELETED'] }).replace('Subject: ', 'Subject: DELETED - READ - '));
      world.add('4', sms({}));
      world.add('5', sms({}));
      await world.day();
      const outcomes = Object.fromEntries((await world.report()).map(({ sourceId, outcome, reason }) => [sourceId, [outcome, reason]]));
      assert.deepEqual(outcomes, {
        1: ['imported', undefined],
        2: ['skipped', 'duplicate of 1'],
        3: ['imported', undefined],
        4: ['imported', undefined],
        5: ['skipped', 'duplicate of 4'],
      });
      assert.equal((await world.mailbox(ADA)).length, 3);
    }));

  test('of two equal items the one listed first is the original, also when it is worked on last', () =>
    withWorld({}, async (world) => {
      world.add('first', sms({ id: 'same' }));
      world.add('second', sms({ id: 'same' }));
      // The first one's download fails once, so that the second is delivered before it.
      world.teleMessage.setFaults([
        { match: { kind: 'content', id: 'first' }, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } },
      ]);
      await world.day();
      assert.equal((await world.outcome('first')).outcome, 'imported');
      assert.deepEqual((await world.outcome('first')).deliveries.length, 2);
      assert.equal((await world.outcome('second')).outcome, 'skipped');
      assert.equal((await world.mailbox(ADA)).length, 1);
    }));

  for (const [name, table, method] of [
    ['marked as one', 'items', 'upsertEntity'],
    ['replaced by its original', 'content', 'updateEntity'],
  ] as const) {
    test(`a duplicate that could not be ${name} is one after the next try`, (context) =>
      withWorld({}, async (world) => {
        world.add('first', sms({ id: 'same' }));
        world.add('second', sms({ id: 'same' }));
        await world.list();
        const [first, second] = [await world.download('first'), await world.download('second')];
        await importItem(world.pipeline, second);
        const rows = world.pipeline.storage.tables[table];
        const mocked = context.mock.method(rows, method, () => Promise.reject(new Error('the process ends here')));
        await assert.rejects(importItem(world.pipeline, first), /the process ends here/);
        mocked.mock.restore();
        // The second one's messages are done with, and nothing brings it up again.
        await importItem(world.pipeline, first);
        assert.deepEqual((await world.report()).map(({ sourceId, outcome }) => `${sourceId} ${outcome}`).sort(), [
          'first imported',
          'second skipped',
        ]);
        assert.equal((await world.mailbox(ADA)).length, 1);
      }));
  }

  for (const [name, apartMs, original] of [
    ['the later listed one stays the original: the copies bear the time of its arrival', 4_000, 'second'],
    ['and arrived in one second, the one listed first becomes the original', 0, 'first'],
  ] as const) {
    test(`of two equal items without a date, of which the later listed is delivered first, ${name}`, () =>
      withWorld({}, async (world) => {
        const eml = Buffer.from(sms({ id: 'same' }).replace(/^Date: .*\r\n/m, ''));
        const arrived = world.now().getTime() - 3_600_000;
        world.teleMessage.addItem('first', () => eml, new Date(arrived));
        world.teleMessage.addItem('second', () => eml, new Date(arrived + apartMs));
        world.teleMessage.setFaults([
          { match: { kind: 'content', id: 'first' }, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } },
        ]);
        await world.day();
        assert.equal((await world.outcome(original)).outcome, 'imported');
        assert.equal((await world.mailbox(ADA)).length, 1);
        const { finishedAt, problems } = await reconcileRun(world.pipeline, 'enterprise-number-000001', 'tester');
        assert.ok(finishedAt);
        assert.equal(problems, 0);
      }));
  }

  test('a staged item whose bytes were changed or removed is parked, not imported', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      world.add('y', sms({ id: 'y' }));
      await world.day();
      const { items } = world.pipeline.storage.containers;
      const names: string[] = [];
      for await (const { name } of items.listBlobsFlat()) names.push(name);
      const rows = [];
      for await (const row of world.pipeline.ledger.items.ofRun('enterprise-number-000001')) rows.push(row);
      await items.getBlockBlobClient(names[0] ?? '').upload('altered', 7);
      await items.getBlobClient(names[1] ?? '').delete();
      // The same two items come again, as a queue may deliver them.
      for (const row of rows) {
        await world.pipeline.ledger.items.reopened(row, { requeues: 0 });
        const { runId, itemKey, sourceId, sequence, arrivedAt, size, sha256 } = row;
        const text = Buffer.from(JSON.stringify({ runId, itemKey, sourceId, sequence, arrivedAt, size, sha256 })).toString('base64');
        await world.pipeline.storage.queues.import.sendMessage(text, {});
      }
      await world.work();
      assert.deepEqual((await world.report()).map(({ reason = '' }) => reason).sort(), ['staged-bytes-altered', 'staged-bytes-missing']);
      assert.equal((await world.mailbox(ADA)).length, 2);
    }));

  describe('whose item it is that failed, by masked numbers:', () => {
    const numbersOf = async (world: World, id: string) => {
      const row = await world.pipeline.ledger.items.find(id);
      assert.ok(row?.reason, 'the item is parked');
      return [row.reason, row.maskedNumbers ?? ''];
    };

    test('an item too large to be read names the people of its first bytes', () =>
      withWorld({ settings: { MAX_ITEM_BYTES: '2000' } }, async (world) => {
        const extra = ['Cc: Chen 16175550103 <chen@contoso.example>'];
        world.add('x', sms({ id: 'x', text: 'x'.repeat(2_000), extra, property: '"Dana 16175550104" <dana@contoso.example>' }));
        await world.day();
        assert.deepEqual(await numbersOf(world, 'x'), ['oversize', '161****0101; 161****0102; 161****0103; 161****0104']);
      }));

    test('a head without people, or with more than one item may have, names nobody, and the item is parked all the same', (context) => {
      changeLimits(context, { participants: 3 });
      return withWorld({ settings: { MAX_ITEM_BYTES: '2000' } }, async (world) => {
        world.add('no-message', `\0${'x'.repeat(2_000)}`);
        world.add('crowd', sms({ id: 'crowd', text: 'x'.repeat(2_000), extra: ['Cc: 16175550103, 16175550104, 16175550105'] }));
        await world.day();
        assert.deepEqual(await numbersOf(world, 'no-message'), ['oversize', '']);
        assert.deepEqual(await numbersOf(world, 'crowd'), ['oversize', '']);
      });
    });

    test('an item whose every try failed', () =>
      withWorld(
        { graph: { faults: [{ match: { kind: 'create-message' }, times: 99, effect: { type: 'status', status: 500 } }] } },
        async (world) => {
          world.add('x', sms({ id: 'x' }));
          await world.day();
          assert.deepEqual(await numbersOf(world, 'x'), ['tries-used-up', '161****0101; 161****0102']);
        },
      ));

    test('an item beyond a limit of the parser', (context) => {
      changeLimits(context, { mimeParts: 1 });
      return withWorld({}, async (world) => {
        world.add('x', mms('x', [Buffer.from('one'), Buffer.from('two')]));
        await world.day();
        assert.deepEqual(await numbersOf(world, 'x'), ['unreadable', '161****0101; 161****0102']);
      });
    });

    test('bytes that are not what was downloaded name nobody', () =>
      withWorld({}, async (world) => {
        world.add('x', sms({ id: 'x' }));
        await world.list();
        const row = await world.pipeline.ledger.items.find('x');
        assert.ok(row);
        await downloadItem(world.pipeline, identityOf(row));
        const forged = sms({ id: 'x', from: 'Mallory 16175550666 <m@elsewhere.example>' });
        await world.pipeline.storage.containers.items.getBlockBlobClient(stagedBlobName(row)).upload(forged, forged.length);
        await world.work();
        assert.deepEqual(await numbersOf(world, 'x'), ['staged-bytes-altered', '']);
      }));
  });

  test('no number, address, subject or body reaches the log', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '2000' } }, async (world) => {
      world.add('x', sms({ id: 'x', text: 'secret words' }));
      world.add('y', sms({ from: '16175550998 <a@elsewhere.example>', to: '16175550997 <b@elsewhere.example>' }));
      world.add('z', sms({ id: 'z', text: 'secret words'.repeat(300) }));
      world.add('bad', sms({ id: 'bad' }));
      world.teleMessage.setFaults([{ match: { kind: 'content', id: 'bad' }, times: 9, effect: { type: 'status', status: 500 } }]);
      world.graph.setConditions([{ mailbox: ADA, condition: 'quotaExceeded' }]);
      await world.day();
      const log = world.log.join('\n');
      assert.match(log, /item\.parked/);
      assert.equal(/1617555|contoso|elsewhere|secret words|SMS from|pass\b/.exec(log)?.[0], undefined);
    }));

  test('an attachment with every byte there is arrives as it was sent', () =>
    withWorld({}, async (world) => {
      const content = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      world.add('x', mms('x', [content]));
      await world.day();
      const [copy] = await world.mailbox(ADA);
      assert.equal(copy?.attachments[0]?.sha256, createHash('sha256').update(content).digest('hex'));
    }));
});
