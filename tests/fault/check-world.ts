/**
 * The checker: whatever happened, the books balance, every copy is there once and whole, and every byte is kept.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { parse } from 'csv-parse/sync';
import { outcomeOf, type StoredItem } from '../../shared/ledger/item-row.ts';
import { PARK_REASONS } from '../../shared/errors.ts';
import { isBalanced, type RunCounts } from '../../shared/pipeline/count-run.ts';
import { listParked } from '../../shared/pipeline/parked-items.ts';
import { readReconciliation, reconcileRun } from '../../shared/pipeline/reconcile-run.ts';
import { countRun, deliveriesOf } from '../../shared/pipeline/report-items.ts';
import type { Pipeline } from '../../shared/pipeline/pipeline.ts';
import { stagedBlobName } from '../../shared/storage/stage-item.ts';
import type { HeldMessage } from '../support/world.ts';
import type { FaultItem } from './make-items.ts';

/** What is checked. */
export interface Checked {
  /** Over the storage itself, not through a proxy. */
  readonly pipeline: Pipeline;
  readonly items: readonly FaultItem[];
  readonly mailboxes: readonly string[];
  mailbox(address: string, folder?: string): Promise<HeldMessage[]>;
}

const KEY = 'String {6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name ArchiveItemKey';
const PARKED = new Set(['unmapped', 'oversize', 'failed', 'partial']);

const keyOf = (message: HeldMessage) => message.singleValueExtendedProperties.find(({ id }) => id === KEY)?.value ?? '';

async function readRows(pipeline: Pipeline): Promise<Map<string, StoredItem>> {
  const rows = new Map<string, StoredItem>();
  for (const { runId } of await pipeline.ledger.runs.all()) {
    for await (const row of pipeline.ledger.items.ofRun(runId)) {
      assert.equal(rows.has(row.sourceId), false, `${row.sourceId} is in two runs`);
      rows.set(row.sourceId, row);
    }
  }
  return rows;
}

/** @returns how many copies the books of all runs tell of. */
async function checkRuns(pipeline: Pipeline): Promise<number> {
  let imported = 0;
  for (const run of await pipeline.ledger.runs.all()) {
    assert.notEqual(run.completedAt, undefined, `${run.runId} is not complete`);
    const counts = await countRun(pipeline, run.runId);
    assert.ok(isBalanced(counts), `the books of ${run.runId} do not balance: ${JSON.stringify(counts)}`);
    assert.deepEqual(JSON.parse(run.counts ?? '{}') as RunCounts, counts, `the books of ${run.runId} are not what they were at its end`);
    imported += counts.imported;
  }
  return imported;
}

/** Each item has an end; a duplicate's original is itself imported or parked; what the ledger says of copies is so. */
async function checkItems({ pipeline, items, mailbox }: Checked, rows: ReadonlyMap<string, StoredItem>): Promise<void> {
  for (const { id, content, eml } of items) {
    const row = rows.get(id);
    assert.ok(row, `${id} is lost: the ledger does not know it`);
    const outcome = outcomeOf(row);
    assert.notEqual(outcome, 'pending', `${id} has not ended`);
    if (outcome === 'skipped') {
      // Of three equal items the last may have been compared with the second before that was found to duplicate the first.
      let original: StoredItem | undefined = row;
      for (let links = 0; original?.duplicateOf !== undefined && links < items.length; links += 1)
        original = rows.get(original.duplicateOf);
      assert.ok(original, `${id} duplicates ${row.duplicateOf}, which is not there`);
      assert.notEqual(outcomeOf(original), 'skipped', `${id} duplicates ${original.sourceId}, which is skipped itself`);
      assert.equal(
        items.find((other) => other.id === original.sourceId)?.content,
        content,
        `${id} is no duplicate of ${original.sourceId}`,
      );
    } else if (outcome !== 'imported') {
      assert.ok((row.reason ?? '') in PARK_REASONS, `${id} is parked without a reason`);
    }
    if (row.size !== undefined) {
      const kept = await pipeline.storage.containers.items.getBlobClient(stagedBlobName(row)).downloadToBuffer();
      assert.ok(kept.equals(eml), `the raw bytes of ${id} are not those of the source`);
    }
    for (const { mailbox: address, state } of await deliveriesOf(pipeline, row)) {
      const held: HeldMessage[] = (await mailbox(address)).filter((message) => keyOf(message) === row.contentKey);
      assert.equal(held.length, state === 'imported' ? 1 : 0, `${id} is ${state} in ${address}, which has ${held.length} copies`);
    }
  }
  assert.equal(rows.size, items.length, 'the ledger has items that the source never had');
}

/** Nothing twice, nothing foreign, nothing half. */
async function checkMailboxes({ items, mailboxes, mailbox }: Checked, rows: ReadonlyMap<string, StoredItem>): Promise<number> {
  const byKey = new Map(items.map((item) => [rows.get(item.id)?.contentKey ?? item.id, item]));
  let copies = 0;
  for (const address of mailboxes) {
    const held: HeldMessage[] = await mailbox(address);
    const keys = held.map(keyOf);
    assert.equal(new Set(keys).size, keys.length, `${address} has an item twice`);
    for (const message of held) {
      const item: FaultItem | undefined = byKey.get(keyOf(message));
      assert.ok(item !== undefined && item.mailboxes.includes(address), `${address} has a copy that is not meant for it`);
      assert.deepEqual(message.attachments.map(({ sha256 }) => sha256).sort(), item.attachments, `a copy of ${item.id} is not whole`);
      assert.equal(message.isDraft, false);
    }
    const staged = await mailbox(address, 'Enterprise Number Archiver (staging)');
    assert.deepEqual(staged, [], `${address} has ${staged.length} unfinished items`);
    copies += held.length;
  }
  return copies;
}

interface AuditLine {
  readonly event: string;
  readonly itemKey?: string;
  readonly itemKeys?: readonly string[];
  readonly outcome?: string;
  readonly contentKey?: string;
  readonly deliveries?: readonly { readonly mailboxId: string; readonly state: string }[];
}

async function checkParked(pipeline: Pipeline, rows: ReadonlyMap<string, StoredItem>): Promise<void> {
  const parked = (await listParked(pipeline)).items.map(({ itemKey }) => itemKey);
  const waiting = [...rows.values()]
    .filter((row) => PARKED.has(outcomeOf(row)) && row.discardedAt === undefined)
    .map(({ itemKey }) => itemKey);
  assert.deepEqual(parked.sort(), waiting.sort(), 'the list of parked items is not that of the ledger');
}

async function checkAudit(pipeline: Pipeline, rows: ReadonlyMap<string, StoredItem>): Promise<void> {
  const { broken } = await pipeline.audit.verify(await pipeline.ledger.runs.auditCheckpoints());
  assert.equal(broken, undefined, `the audit log is broken: ${JSON.stringify(broken)}`);
  const listed = new Set<string>();
  const ends = new Set<string>();
  const copies = new Set<string>();
  for await (const { text } of pipeline.audit.lines()) {
    const line = JSON.parse(text) as AuditLine;
    for (const key of line.itemKeys ?? []) listed.add(key);
    if (line.event === 'item.ended') ends.add(`${line.itemKey} ${line.outcome}`);
    if (line.event !== 'deliveries.ended') continue;
    for (const { mailboxId, state } of line.deliveries ?? []) if (state === 'imported') copies.add(`${line.contentKey} ${mailboxId}`);
  }
  for (const row of rows.values()) {
    const { runId, sourceId, itemKey, contentKey = '' } = row;
    assert.ok(listed.has(itemKey), `the audit log does not tell that ${sourceId} was listed`);
    assert.ok(ends.has(`${itemKey} ${outcomeOf(row)}`), `the audit log does not tell how ${sourceId} ended`);
    if (outcomeOf(row) === 'skipped' || contentKey === '') continue;
    for (const { mailboxId, state } of await pipeline.ledger.deliveries.of({ runId, contentKey }))
      assert.ok(state !== 'imported' || copies.has(`${contentKey} ${mailboxId}`), `the audit log does not tell of a copy of ${sourceId}`);
  }
}

/** The newest reports of each run say what the ledger says, item for item. */
async function checkReports(pipeline: Pipeline, rows: ReadonlyMap<string, StoredItem>): Promise<void> {
  const { reports } = pipeline.storage.containers;
  const text = async (name: string) => (await reports.getBlobClient(name).downloadToBuffer()).toString();
  const cells = async (name: string) => parse<Record<string, string>>(await text(name), { columns: true, bom: true });
  for (const run of await pipeline.ledger.runs.all()) {
    const { runId, to } = run;
    const own = [...rows.values()].filter((row) => row.runId === runId);
    const pattern = new RegExp(`/${runId}(?:\\.(\\d+))?\\.json$`);
    let newest: { readonly version: number; readonly name: string } | undefined;
    for await (const { name } of reports.listBlobsFlat({ prefix: `${to.slice(0, 10)}/${runId}` })) {
      const found = pattern.exec(name);
      const version = Number(found?.[1] ?? 1);
      if (found !== null && version > (newest?.version ?? 0)) newest = { version, name };
    }
    assert.ok(newest, `${runId} is complete and has no report`);
    const report = JSON.parse(await text(newest.name)) as {
      counts: Record<string, number>;
      failed: { itemId: string }[];
      run: { files: { csv: string; duplicates: string } };
    };
    const counts = JSON.parse(run.counts ?? '{}') as RunCounts;
    assert.deepEqual(
      [report.counts['Items available from source'], report.counts['Imported successfully'], report.counts['Failed']],
      [own.length, counts.imported, counts.failed],
      `the report of ${runId} has other counts than its books`,
    );
    const ids = (found: readonly StoredItem[]) => found.map(({ sourceId }) => sourceId).sort();
    const unique = (found: readonly string[]) => [...new Set(found)].sort();
    assert.deepEqual(unique(report.failed.map(({ itemId }) => itemId)), ids(own.filter((row) => PARKED.has(outcomeOf(row)))));
    assert.deepEqual(unique((await cells(report.run.files.csv)).map((row) => row['Item id'] ?? '')), ids(own));
    assert.deepEqual(
      (await cells(report.run.files.duplicates)).map((row) => `${row['Item id']} of ${row['Original item id']}`).sort(),
      own.flatMap(({ sourceId, duplicateOf }) => (duplicateOf === undefined ? [] : [`${sourceId} of ${duplicateOf}`])).sort(),
    );
  }
}

/** The product's own re-check finds nothing to complain of either: a false alarm is a fault too. */
async function checkReconciliations(pipeline: Pipeline): Promise<void> {
  const { reports } = pipeline.storage.containers;
  for (const { runId } of await pipeline.ledger.runs.all()) {
    const earlier = await readReconciliation(pipeline, runId);
    // One that was begun while faults struck may have seen what has healed since.
    if (earlier !== undefined && earlier.finishedAt === undefined) await reconcileRun(pipeline, runId, 'checker');
    const { finishedAt, problems, report } = await reconcileRun(pipeline, runId, 'checker');
    assert.ok(finishedAt, `the re-check of ${runId} did not end`);
    if (problems > 0) assert.fail(`a re-check complains: ${(await reports.getBlobClient(report).downloadToBuffer()).toString()}`);
  }
}

/**
 * Checks what holds at any time when nothing is under way.
 *
 * @returns how many copies the mailboxes hold.
 */
export async function checkWorld(checked: Checked): Promise<number> {
  const rows = await readRows(checked.pipeline);
  await checkItems(checked, rows);
  const copies = await checkMailboxes(checked, rows);
  await checkParked(checked.pipeline, rows);
  // The books are the product's own: what they tell of has to be in the mailboxes, which are not.
  assert.equal(await checkRuns(checked.pipeline), copies, 'the books tell of another number of copies than there are');
  return copies;
}

/** Checks that what people read of it says the same: the reports, the audit log, and a re-check of every run. */
export async function checkRecords({ pipeline }: Checked): Promise<void> {
  const rows = await readRows(pipeline);
  await checkAudit(pipeline, rows);
  await checkReports(pipeline, rows);
  await checkReconciliations(pipeline);
}

/** Checks that each item has come to the end that it has without faults: what faults had parked was put back to work before. */
export async function checkEnds({ pipeline, items, mailbox }: Checked): Promise<void> {
  const rows = await readRows(pipeline);
  const outcomes = new Map<string, string[]>();
  for (const { id, content } of items) {
    const row = rows.get(id);
    outcomes.set(content, [...(outcomes.get(content) ?? []), row === undefined ? 'lost' : outcomeOf(row)]);
  }
  for (const { content, parked = 'imported' } of items) {
    const ends = (outcomes.get(content) ?? []).toSorted();
    const due = [parked, ...ends.slice(1).map(() => 'skipped')].sort();
    assert.deepEqual(ends, due, `${content} did not end as it has to`);
  }
  for (const { content, mailboxes, id } of items) {
    const keys = new Set(items.filter((item) => item.content === content).map((item) => rows.get(item.id)?.contentKey));
    assert.equal(keys.size, 1, `${id} and its duplicates have different keys`);
    for (const address of mailboxes) {
      assert.equal((await mailbox(address)).filter((message) => keys.has(keyOf(message))).length, 1, `${address} has no copy of ${id}`);
    }
  }
}
