/** Reports: every item of a run is in them, in the books' own numbers, and nothing that does not belong there. @module */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ContainerClient } from '@azure/storage-blob';
import { parse } from 'csv-parse/sync';
import type { RunRow } from '../../shared/ledger/run-ledger.ts';
import { discardItem, reprocessItem } from '../../shared/pipeline/parked-items.ts';
import { maskNumber } from '../../shared/reports/mask-number.ts';
import { listReports, readReport, REPORT_ANSWER_BYTES } from '../../shared/reports/read-reports.ts';
import { writeRunReport } from '../../shared/reports/write-run-report.ts';
import { changeLimits } from '../support/change-limits.ts';
import { useWorlds } from '../support/use-worlds.ts';
import { sms, type World } from '../support/world.ts';

const BEN = 'ben@contoso.example';
const RUN = 'enterprise-number-000001';
const DAY = '2026-11-23';
const stranger = (id: string) => sms({ id, from: 'N 16175550998 <n@elsewhere.example>', to: 'M 16175550997 <m@elsewhere.example>' });

type Row = Readonly<Record<string, string>>;
interface RunJson {
  readonly run: { readonly runId: string; readonly relisted: number; readonly files: Readonly<Record<string, string>> };
  readonly counts: Readonly<Record<string, number>>;
  readonly failed: readonly Readonly<Record<string, unknown>>[];
}

describe('reports', () => {
  const withWorld = useWorlds();
  const container = (world: World): ContainerClient => world.pipeline.storage.containers.reports;
  const text = async (world: World, name: string) => (await container(world).getBlobClient(name).downloadToBuffer()).toString();
  const csv = async (world: World, name: string): Promise<Row[]> => parse(await text(world, name), { columns: true, bom: true });
  const json = async (world: World, name: string) => JSON.parse(await text(world, name)) as RunJson;
  /** Everything is worked on, and the run is not closed yet. */
  const archive = async (world: World) => {
    await world.list();
    await world.work();
  };
  const firstRun = async (world: World): Promise<RunRow> => {
    const [run] = await world.pipeline.ledger.runs.all();
    assert.ok(run);
    return run;
  };
  const write = async (world: World) => writeRunReport(world.pipeline, await firstRun(world));
  const names = async (world: World) => {
    const found: string[] = [];
    for await (const { name } of container(world).listBlobsFlat({ prefix: `${DAY}/` })) found.push(name);
    return found;
  };
  const tally = (rows: readonly Row[]) => {
    const counts: Record<string, number> = {};
    for (const { Result: result = '' } of rows) counts[result] = (counts[result] ?? 0) + 1;
    return counts;
  };

  /** One item of every kind of outcome: 3 copies, 1 refused copy, 1 duplicate of the same bytes, 1 of others, 1 unmapped, 1 oversize. */
  async function mixedDay(world: World): Promise<void> {
    world.graph.setConditions([{ mailbox: BEN, condition: 'quotaExceeded' }]);
    world.add('two', sms({ id: 'two', to: 'Chen 16175550103 <chen@contoso.example>' }));
    world.add('two-again', sms({ id: 'two', to: 'Chen 16175550103 <chen@contoso.example>' }));
    world.add('two-other-bytes', sms({ id: 'two', to: 'Chen 16175550103 <chen@contoso.example>', text: 'hello, changed' }));
    // Of other bytes the first one that is there is the original.
    world.teleMessage.setFaults([
      { match: { kind: 'content', id: 'two-other-bytes' }, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } },
    ]);
    world.add('part', sms({ id: 'part' }));
    world.add('unmapped', stranger('unmapped'));
    world.add('oversize', sms({ id: 'oversize', text: 'secret words '.repeat(200) }));
    await archive(world);
  }

  test('each delivery is a row, and so is each item without one; the rows add up to the books', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '2000' } }, async (world) => {
      await mixedDay(world);
      const report = await write(world);
      assert.equal(report?.name, `${DAY}/${RUN}.json`);
      const { run, counts, failed } = await json(world, report.name);
      assert.deepEqual(counts, {
        'Items available from source': 6,
        'Items available for import': 8,
        'Imported successfully': 3,
        'Partially imported': 0,
        'Skipped (duplicates)': 2,
        Failed: 3,
      });
      assert.equal(run.runId, RUN);
      const rows = await csv(world, run.files['csv'] ?? '');
      assert.deepEqual(tally(rows), { 'imported successfully': 3, 'skipped (duplicate)': 2, failed: 3 });
      const shown = rows.map((row) => [row['Item id'], row['Microsoft 365 user id'], row['Result'], row['Reason']].join(' · '));
      assert.deepEqual(shown.sort(), [
        'oversize ·  · failed · oversize',
        'part · ada@contoso.example · imported successfully · ',
        'part · ben@contoso.example · failed · mailbox-full',
        'two · ada@contoso.example · imported successfully · ',
        'two · chen@contoso.example · imported successfully · ',
        'two-again ·  · skipped (duplicate) · duplicate',
        'two-other-bytes ·  · skipped (duplicate) · duplicate',
        'unmapped ·  · failed · unmapped',
      ]);
      assert.equal(rows.find((row) => row['Reason'] === 'mailbox-full')?.['Explanation'], 'the mailbox is over its quota');
      assert.deepEqual(failed.map(({ itemId, user, reason }) => `${String(itemId)} ${String(user)} ${String(reason)}`).sort(), [
        'oversize  oversize',
        'part ben@contoso.example mailbox-full',
        'unmapped  unmapped',
      ]);
    }));

  test('every duplicate is listed with both ids, and with whether the bytes are the same', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '2000' } }, async (world) => {
      await mixedDay(world);
      await write(world);
      const rows = await csv(world, `${DAY}/${RUN}-duplicates.csv`);
      assert.deepEqual(
        rows
          .map((row) => [row['Item id'], row['Original item id'], row['Same raw bytes (SHA-256)']])
          .sort(([one = ''], [other = '']) => one.localeCompare(other)),
        [
          ['two-again', 'two', 'yes'],
          ['two-other-bytes', 'two', 'no'],
        ],
      );
      const key = (await world.outcome('two')).contentKey;
      assert.deepEqual(
        rows.map((row) => row['Content key']),
        [key, key],
      );
    }));

  test('numbers are masked, and no number, subject or body is in any file', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '2000' } }, async (world) => {
      await mixedDay(world);
      const row = await world.pipeline.ledger.items.find('unmapped');
      const maskedNumbers = ['16175550998', '16175550997'].map(maskNumber).join('; ');
      const { partitionKey = '', rowKey = '' } = row ?? {};
      await world.pipeline.storage.tables.items.updateEntity({ partitionKey, rowKey, maskedNumbers }, 'Merge');
      const report = await write(world);
      const rows = await csv(world, `${DAY}/${RUN}.csv`);
      assert.equal(rows.find((row) => row['Item id'] === 'unmapped')?.['Source user id (mobile number)'], '161****0998, 161****0997');
      const { failed } = await json(world, report?.name ?? '');
      assert.deepEqual(failed.find(({ itemId }) => itemId === 'unmapped')?.['sourceUserIds'], ['161****0998', '161****0997']);
      const files = await names(world);
      assert.equal(files.length, 3);
      for (const name of files) assert.doesNotMatch(await text(world, name), /\d{3}555\d|hello|secret words|SMS from|elsewhere/);
    }));

  test('hostile ids are shown, and are neither formulas nor cells of their own', () =>
    withWorld({}, async (world) => {
      const ids = ["=cmd|' /C calc'!A0", '+1617', '@x', ' =1+1', 'a;=1', 'a"b,c', 'a\u202egnp.exe', 'a\nb'];
      const run = await world.pipeline.ledger.runs.begin({
        number: 1,
        from: new Date('2026-11-22T01:30:00Z'),
        to: new Date('2026-11-23T01:30:00Z'),
      });
      const arrivedAt = '2026-11-22T09:00:00Z';
      const { items } = await world.pipeline.ledger.items.recordListed(
        run,
        ids.map((id, sequence) => ({ id, arrivedAt, sequence })),
      );
      for (const item of items)
        await world.pipeline.ledger.items.ended(item, { outcome: 'skipped', contentKey: 'a'.repeat(64), duplicateOf: ids[0] ?? '' });
      await write(world);
      for (const [file, columns] of [
        [`${DAY}/${RUN}.csv`, 8],
        [`${DAY}/${RUN}-duplicates.csv`, 4],
      ] as const) {
        const cells = parse(await text(world, file), { bom: true });
        assert.deepEqual(new Set(cells.map(({ length }) => length)), new Set([columns]));
        assert.equal(cells.length, ids.length + 1);
        for (const cell of cells.flat()) assert.doesNotMatch(cell, /^\s*[=+\-@]|[\u202e\n;]/);
      }
      const shown = (await csv(world, `${DAY}/${RUN}.csv`)).map((row) => row['Item id'] ?? '').sort();
      assert.deepEqual(
        shown,
        ["' =1+1", "'+1617", "'=cmd|' /C calc'!A0", "'@x", 'a"b,c', 'a\\u{202e}gnp.exe', 'a\\u{3b}=1', 'a\\u{a}b'].sort(),
      );
    }));

  test('a run with an item under way has no report yet', () =>
    withWorld({}, async (world) => {
      world.add('x', sms({ id: 'x' }));
      await world.list();
      assert.equal(await write(world), undefined);
      assert.deepEqual(await names(world), []);
    }));

  test('a day without items has a report too', () =>
    withWorld({}, async (world) => {
      await archive(world);
      await write(world);
      const { counts, failed } = await json(world, `${DAY}/${RUN}.json`);
      assert.equal(counts['Items available from source'], 0);
      assert.deepEqual(failed, []);
    }));

  test('books that have not changed are not reported again, and changed ones are reported beside the first report', () =>
    withWorld({}, async (world) => {
      world.add('x', stranger('x'));
      await archive(world);
      const first = await write(world);
      assert.deepEqual([first?.name, first?.isNew], [`${DAY}/${RUN}.json`, true]);
      const before = await text(world, `${DAY}/${RUN}.json`);
      world.advance(60_000);
      assert.deepEqual(await write(world).then((report) => [report?.name, report?.isNew]), [`${DAY}/${RUN}.json`, false]);
      assert.equal((await names(world)).length, 3);

      const mapping = 'External User ID,Microsoft 365 User Mailbox\n16175550998,ada@contoso.example\n';
      await world.pipeline.storage.containers.config.getBlockBlobClient('mapping.csv').upload(mapping, mapping.length);
      world.advance(60_000);
      const key = (await world.pipeline.ledger.items.find('x'))?.itemKey ?? '';
      assert.equal(await reprocessItem(world.pipeline, key, 'tester'), true);
      assert.equal(await write(world), undefined, 'the item is under way again');
      await world.work();
      assert.equal((await write(world))?.name, `${DAY}/${RUN}.2.json`);
      assert.deepEqual(await names(world), [
        `${DAY}/${RUN}-duplicates.2.csv`,
        `${DAY}/${RUN}-duplicates.csv`,
        `${DAY}/${RUN}.2.csv`,
        `${DAY}/${RUN}.2.json`,
        `${DAY}/${RUN}.csv`,
        `${DAY}/${RUN}.json`,
      ]);
      assert.equal(await text(world, `${DAY}/${RUN}.json`), before);
      assert.equal((await json(world, `${DAY}/${RUN}.2.json`)).counts['Imported successfully'], 1);
    }));

  test('why an item was given up is in a new version of the report, with the same counts', () =>
    withWorld({}, async (world) => {
      world.add('x', stranger('x'));
      await world.day();
      const before = await json(world, `${DAY}/${RUN}.json`);
      const key = (await world.pipeline.ledger.items.find('x'))?.itemKey ?? '';
      assert.equal(await discardItem(world.pipeline, key, 'a test number', 'operator'), true);
      await world.sweep();
      const after = await json(world, `${DAY}/${RUN}.2.json`);
      assert.deepEqual([before.failed[0]?.['givenUp'], after.failed[0]?.['givenUp']], ['', 'a test number']);
      assert.deepEqual(after.counts, before.counts);
      const [row] = await csv(world, after.run.files['csv'] ?? '');
      assert.deepEqual([row?.['Result'], row?.['Given up because']], ['failed', 'a test number']);
      await world.sweep();
      assert.equal((await names(world)).length, 6, 'what is reported is not reported again');
    }));

  test('a report that a crash cut off is completed, and one whose books have changed since is left as it is', () =>
    withWorld({}, async (world) => {
      world.add('x', stranger('x'));
      await archive(world);
      await write(world);
      // The JSON file is the last one that is written.
      await container(world).getBlobClient(`${DAY}/${RUN}.json`).delete();
      assert.equal((await write(world))?.name, `${DAY}/${RUN}.json`);
      assert.equal((await names(world)).length, 3);

      await container(world).getBlobClient(`${DAY}/${RUN}.json`).delete();
      await container(world).getBlobClient(`${DAY}/${RUN}.csv`).setMetadata({ books: 'others' });
      assert.equal((await write(world))?.name, `${DAY}/${RUN}.2.json`);
    }));

  test('books that are what they once were are reported anew, beyond the gap that a crash has left', () =>
    withWorld({}, async (world) => {
      world.add('x', stranger('x'));
      await archive(world);
      const row = await world.pipeline.ledger.items.find('x');
      assert.ok(row);
      const end = (reason: 'unmapped' | 'unreadable') => world.pipeline.ledger.items.ended(row, { outcome: 'failed', reason });
      await end('unmapped');
      assert.equal((await write(world))?.name, `${DAY}/${RUN}.json`);
      // A process that began the second version, with books that are nobody's any more.
      await container(world)
        .getBlockBlobClient(`${DAY}/${RUN}.2.csv`)
        .upload('', 0, { metadata: { books: 'others' } });
      await end('unreadable');
      assert.equal((await write(world))?.name, `${DAY}/${RUN}.3.json`);
      await end('unmapped');
      assert.equal((await write(world))?.name, `${DAY}/${RUN}.4.json`);
      assert.equal((await write(world))?.name, `${DAY}/${RUN}.4.json`, 'once');
    }));

  test('books that change while they are written down are not reported', () =>
    withWorld({}, async (world) => {
      world.add('x', stranger('x'));
      await archive(world);
      const { pipeline } = world;
      let readings = 0;
      const items = {
        ...pipeline.ledger.items,
        async *ofRun(runId: string) {
          readings += 1;
          for await (const row of pipeline.ledger.items.ofRun(runId)) yield readings === 2 ? { ...row, reason: 'oversize' as const } : row;
        },
      };
      assert.equal(await writeRunReport({ ...pipeline, ledger: { ...pipeline.ledger, items } }, await firstRun(world)), undefined);
      assert.deepEqual(await names(world), []);
      assert.equal((await write(world))?.isNew, true);
    }));

  test('two instances that write one report at the same time leave one', () =>
    withWorld({}, async (world) => {
      for (let item = 0; item < 5; item += 1) world.add(`x${item}`, stranger(`x${item}`));
      await archive(world);
      const reports = await Promise.all([write(world), write(world), write(world)]);
      assert.deepEqual(new Set(reports.map((report) => report?.name)), new Set([`${DAY}/${RUN}.json`]));
      assert.equal(reports.filter((report) => report?.isNew).length, 1, 'one of them wrote it, and the others left it as it was');
      assert.equal((await names(world)).length, 3);
      assert.equal((await csv(world, `${DAY}/${RUN}.csv`)).length, 5);
    }));

  test('a report of 300 items is written in blocks, so that no more than one block is held', async (context) => {
    await withWorld({}, async (world) => {
      for (let item = 0; item < 300; item += 1) world.add(`item-${item}`, sms({ id: `item-${item % 200}` }));
      await archive(world);
      changeLimits(context, { stagingBlockBytes: 2_000 });
      await write(world);
      for (const [name, least] of [
        [`${DAY}/${RUN}.csv`, 30],
        [`${DAY}/${RUN}-duplicates.csv`, 2],
      ] as const) {
        const { committedBlocks = [] } = await container(world).getBlockBlobClient(name).getBlockList('committed');
        assert.ok(committedBlocks.length >= least, `${name} has ${committedBlocks.length} blocks`);
        // One item's lines more than the limit, at most; the duplicates come 64 at a time.
        for (const { size } of committedBlocks) assert.ok(size < 20_000);
      }
      const rows = await csv(world, `${DAY}/${RUN}.csv`);
      assert.deepEqual(tally(rows), { 'imported successfully': 400, 'skipped (duplicate)': 100 });
      assert.equal(new Set(rows.map((row) => row['Item id'])).size, 300);
      assert.equal((await csv(world, `${DAY}/${RUN}-duplicates.csv`)).length, 100);
    });
  });

  test('the list has the newest day first, in pages of whole days, and reports only', () =>
    withWorld({}, async (world) => {
      const days = Array.from({ length: 33 }, (_, day) => new Date(Date.UTC(2026, 9, 1 + day)).toISOString().slice(0, 10));
      for (const [index, day] of days.entries()) {
        const run = `enterprise-number-${String(index + 1).padStart(6, '0')}`;
        for (const name of [`${run}.json`, `${run}.csv`]) await container(world).getBlockBlobClient(`${day}/${name}`).upload('{}', 2);
      }
      for (const other of [`${days[0]}/signal-000001.json`, 'locks/enterprise-number', 'reconciliations/enterprise-number-000001.json']) {
        await container(world).getBlockBlobClient(other).upload('{}', 2);
      }
      const first = await listReports(world.pipeline);
      assert.equal(first.reports.length, 60);
      assert.deepEqual(
        first.reports.slice(0, 2).map(({ name, size }) => [name, size]),
        [
          ['2026-11-02/enterprise-number-000033.json', 2],
          ['2026-11-02/enterprise-number-000033.csv', 2],
        ],
      );
      const second = await listReports(world.pipeline, first.next);
      assert.equal(second.next, undefined);
      const all = [...first.reports, ...second.reports].map(({ name }) => name.slice(0, 10));
      assert.deepEqual([...new Set(all)], days.toReversed());
      assert.equal(all.length, 66);
    }));

  test('a report is read in parts that a function can hold', () =>
    withWorld({}, async (world) => {
      const name = `${DAY}/${RUN}.csv`;
      const content = Buffer.alloc(REPORT_ANSWER_BYTES + 1_000, 'x');
      content.write('end', content.byteLength - 3);
      await container(world).getBlockBlobClient(name).uploadData(content);
      const sizes: number[] = [];
      let last = '';
      for (let start = 0; start < content.byteLength;) {
        const part = await readReport(world.pipeline, name, { start });
        assert.equal(part?.size, content.byteLength);
        const given = Buffer.from(await new Response(part.body).arrayBuffer());
        assert.equal(given.byteLength, part.end - part.start);
        sizes.push(given.byteLength);
        last = given.subarray(-3).toString();
        start = part.end;
      }
      assert.deepEqual([sizes, last], [[REPORT_ANSWER_BYTES, 1_000], 'end']);
      const few = await readReport(world.pipeline, name, { start: content.byteLength - 3, end: content.byteLength + 10 });
      assert.equal(await new Response(few?.body).text(), 'end');
    }));

  test('nothing but a report can be read', () =>
    withWorld({}, async (world) => {
      await archive(world);
      await write(world);
      for (const name of [
        'locks/enterprise-number',
        `${DAY}/../locks/enterprise-number`,
        `${DAY}/${RUN}.eml`,
        `${DAY}/signal-000001.json`,
      ]) {
        await container(world)
          .getBlockBlobClient(name)
          .upload('secret', 6)
          .catch(() => undefined);
        assert.equal(await readReport(world.pipeline, name), undefined, name);
      }
      assert.ok(await readReport(world.pipeline, `${DAY}/${RUN}.json`));
      assert.equal(await readReport(world.pipeline, `${DAY}/enterprise-number-000077.json`), undefined);
    }));
});
