/** `npm start`, used as a person uses it: the command, what it prints, what lies in OUT. @module */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { sms, type HeldMessage } from '../support/world.ts';

const project = resolve(import.meta.dirname, '../..');
const sampleDay = join(project, 'local/sample-day');

interface Report {
  readonly run: { readonly from: string; readonly to: string; readonly completedAt: string; readonly relisted: number };
  readonly counts: Record<string, number>;
  readonly items: readonly {
    readonly sourceId: string;
    readonly outcome: string;
    readonly reason?: string;
    readonly contentKey: string;
    readonly deliveries: readonly { readonly mailbox: string; readonly state: string }[];
  }[];
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(args: readonly string[], settings: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [join(project, 'local/start.ts'), ...args], {
    cwd: project,
    env: { ...process.env, ...settings },
    detached: true,
  });
}

async function start(args: readonly string[], settings: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = launch(args, settings);
  const [stdout, stderr] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    child.stderr === null ? '' : text(child.stderr),
    child.exitCode === null ? once(child, 'exit') : undefined,
  ]);
  return { code: child.exitCode, stdout, stderr };
}

const reportOf = async (out: string) => JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as Report;

async function messagesOf(out: string, address: string): Promise<(HeldMessage & { readonly place: string })[]> {
  const place = join(out, 'mailboxes', address, 'Enterprise Number Archiver');
  const files = (await readdir(place)).filter((file) => /^\d+\.json$/.test(file));
  return Promise.all(files.map(async (file) => ({ place, ...(JSON.parse(await readFile(join(place, file), 'utf8')) as HeldMessage) })));
}

async function copies(out: string): Promise<number> {
  let count = 0;
  for (const address of await readdir(join(out, 'mailboxes'))) count += (await messagesOf(out, address)).length;
  return count;
}

describe('npm start', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'archiver-start-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const runs of [1, 3]) {
    test(`archives the sample day as expected.json says, item by item, in ${runs} run(s)`, async () => {
      const out = join(folder, `sample-${runs}`);
      const { code, stdout, stderr } = await start(['--out', out, '--runs', String(runs)]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /Items available from source +16\n +Items available for import +24\n +Imported successfully +20\n/);
      const report = await reportOf(out);
      const expected = Object.entries(
        JSON.parse(await readFile(join(sampleDay, 'expected.json'), 'utf8')) as Record<string, { outcome: string; mailboxes: string[] }>,
      ).map(([name, { outcome, mailboxes }]) => ({ sourceId: name.split(' ')[0] ?? '', outcome, mailboxes: mailboxes.toSorted() }));
      const actual = report.items.map(({ sourceId, outcome, deliveries }) => ({
        sourceId,
        outcome,
        mailboxes: deliveries
          .filter(({ state }) => state === 'imported')
          .map(({ mailbox }) => mailbox)
          .sort(),
      }));
      const byId = (one: { sourceId: string }, other: { sourceId: string }) => one.sourceId.localeCompare(other.sourceId);
      assert.deepEqual(actual.sort(byId), expected.sort(byId));
      assert.deepEqual(report.counts, {
        availableFromSource: 16,
        availableForImport: 24,
        imported: 20,
        partiallyImported: 0,
        skipped: 1,
        failed: 3,
        pending: 0,
      });
      assert.equal(report.run.relisted, runs === 1 ? 0 : 16);
      assert.equal(await copies(out), 20);
      assert.equal(report.items.find(({ sourceId }) => sourceId.startsWith('11'))?.reason, 'duplicate of 01-sms-two-colleagues.eml');
    });
  }

  test('the whole of each sample message arrives in each of its mailboxes', async () => {
    const out = join(folder, 'sample-1');
    const report = await reportOf(out);
    // Made with another parser (Python's email package) from the same files.
    const expected = JSON.parse(await readFile(join(project, 'tests/fixtures/sample-day-messages.json'), 'utf8')) as Record<
      string,
      {
        subject: string;
        contentType: string;
        body: string;
        sentAt: string;
        from: { name: string; address: string };
        to: { name: string; address: string }[];
        messageId: string | null;
        attachments: { name: string; contentType: string; sha256: string; size: number }[];
      }
    >;
    const plain = (body: string) => body.replaceAll('\r\n', '\n').trim();
    let checked = 0;
    for (const { sourceId, outcome, contentKey, deliveries } of report.items) {
      if (outcome !== 'imported' || expected[sourceId] === undefined) continue;
      const original = expected[sourceId];
      for (const { mailbox } of deliveries) {
        const copy = (await messagesOf(out, mailbox)).find(({ singleValueExtendedProperties }) =>
          singleValueExtendedProperties.some(({ value }) => value === contentKey),
        );
        assert.ok(copy, `${sourceId} is not in ${mailbox}`);
        assert.equal(copy.isDraft, false);
        assert.equal(copy.subject, original.subject);
        assert.equal(copy.body.contentType, original.contentType);
        assert.equal(plain(copy.body.content), plain(original.body));
        assert.equal(copy.sentDateTime, original.sentAt);
        assert.equal(copy.receivedDateTime, original.sentAt);
        assert.deepEqual(copy.from?.emailAddress, original.from);
        assert.deepEqual(
          copy.toRecipients.map(({ emailAddress }) => emailAddress),
          original.to,
        );
        if (original.messageId !== null) assert.equal(copy.internetMessageId, original.messageId);
        assert.equal(copy.attachments.length, original.attachments.length);
        for (const [index, { contentType, size, sha256 }] of original.attachments.entries()) {
          const attachment: HeldMessage['attachments'][number] | undefined = copy.attachments[index];
          assert.equal(attachment?.contentType, contentType);
          assert.equal(attachment.sha256, sha256);
          assert.equal((await readFile(join(copy.place, attachment.file))).byteLength, size);
        }
        checked += 1;
      }
    }
    assert.equal(checked, 20);
  });

  test('bad settings are listed by name in one message, and nothing is started', async () => {
    const out = join(folder, 'bad-settings');
    const { code, stdout, stderr } = await start(['--out', out], {
      MAX_ITEM_BYTES: '1e3',
      ARCHIVER: 'nokia',
      MAPPING_AUTOMATIC: 'yes',
      TELEMESSAGE_BASE_URL: 'http://example.com',
    });
    assert.notEqual(code, 0);
    assert.equal(stdout, '');
    for (const name of [
      'MAX_ITEM_BYTES: expected a whole number',
      'ARCHIVER: expected one of',
      'MAPPING_AUTOMATIC: expected true or false',
      'TELEMESSAGE_BASE_URL: expected',
    ]) {
      assert.ok(stderr.includes(name), `${name} is missing in: ${stderr}`);
    }
    await assert.rejects(readdir(out), { code: 'ENOENT' });
  });

  test('a bad option and a bad mapping file are refused by name and line before anything is started', async () => {
    const mapping = join(folder, 'bad.csv');
    await writeFile(mapping, 'External User ID,Microsoft 365 User Mailbox\n4.4E+11,a@contoso.example\n16175550104,not an address\n');
    const refused = await start(['--mapping', mapping, '--out', join(folder, 'never')]);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /line 2/i);
    assert.match(refused.stderr, /line 3/i);
    const usage = await start(['--items', join(folder, 'nowhere'), '--runs', '0', '--out', join(folder, 'never')]);
    assert.notEqual(usage.code, 0);
    assert.match(usage.stderr, /--items: .*nowhere is not a folder\n--runs: expected/);
    await assert.rejects(readdir(join(folder, 'never')), { code: 'ENOENT' });
  });

  test('settings of the environment reach the app: another limit, another archiver', async () => {
    const out = join(folder, 'settings');
    const { code, stderr } = await start(['--out', out], { MAX_ITEM_BYTES: '20000', ARCHIVER: 'whatsapp' });
    assert.equal(code, 0, stderr);
    const report = await reportOf(out);
    assert.equal(report.items.find(({ sourceId }) => sourceId.startsWith('05'))?.outcome, 'oversize');
    assert.deepEqual(await readdir(join(out, 'mailboxes', 'ada.fields@contoso.example')), ['WhatsApp Archiver']);
  });

  test('a run killed half-way goes on in the next one: nothing is lost, nothing arrives twice, nothing stays behind', async () => {
    const items = join(folder, 'many');
    const [out, state] = [join(folder, 'killed-out'), join(folder, 'killed-state')];
    await mkdir(items);
    const directory = join(sampleDay, 'directory.json');
    for (let item = 0; item < 150; item += 1) {
      const eml = sms({ id: `k${item}`, from: 'Ada <ada.fields@contoso.example>', to: 'Ben <ben.okoro@contoso.example>' });
      await writeFile(join(items, `${String(item).padStart(3, '0')}.eml`), eml);
    }
    const args = ['--items', items, '--directory', directory, '--out', out, '--state', state];
    const first = launch(args);
    const mailbox = join(state, 'mailboxes', 'ben.okoro@contoso.example', 'Enterprise Number Archiver');
    const delivered = () =>
      readdir(mailbox).then(
        (files) => files.length,
        () => 0,
      );
    while ((await delivered()) < 20) {
      assert.equal(first.exitCode, null, 'the run ended before it was killed');
      await delay(5);
    }
    const pids = JSON.parse(await readFile(join(state, 'processes.json'), 'utf8')) as number[];
    // The whole process group, as a terminal or a supervisor does it.
    process.kill(-(first.pid ?? 0), 'SIGKILL');
    await once(first, 'exit');
    const { code, stdout, stderr } = await start(args);
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    const report = await reportOf(out);
    assert.equal(report.counts['availableFromSource'], 150);
    assert.equal(report.counts['imported'], 300);
    assert.equal(await copies(out), 300);
  });

  test('several can run at the same time', async () => {
    const ended = await Promise.all([0, 1].map((run) => start(['--out', join(folder, `at-once-${run}`)])));
    assert.deepEqual(
      ended.map(({ code }) => code),
      [0, 0],
    );
  });

  test('a folder without items is a complete run', async () => {
    const items = join(folder, 'empty');
    await mkdir(items);
    const out = join(folder, 'empty-out');
    const { code, stderr } = await start(['--items', items, '--out', out]);
    assert.equal(code, 0, stderr);
    const report = await reportOf(out);
    assert.equal(report.items.length, 0);
    assert.ok(report.run.completedAt);
  });
});
