/**
 * The mailboxes of the simulated Graph on disk.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { attachmentFileName, directoryName, nameOfDirectory } from '../../local/graph/safe-names.ts';
import { openSimulation, type Simulation } from '../../local/graph/testing.ts';

const ADA = '/users/ada@contoso.example';
const ON_DISK = 'ada.fields@contoso.example';
const KEY = 'String {6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name ArchiveItemKey';
const file = (name: string, content: string): object => ({
  '@odata.type': '#microsoft.graph.fileAttachment',
  name,
  contentBytes: Buffer.from(content).toString('base64'),
});
const archived = (key: string, ...attachments: object[]): object => ({
  subject: `item ${key}`,
  singleValueExtendedProperties: [{ id: KEY, value: key }],
  attachments,
});

async function folderNamed(simulation: Simulation, displayName: string, isHidden = false): Promise<string> {
  const created = await simulation.call('POST', `${ADA}/mailFolders`, { displayName, isHidden });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  return created.body.id;
}

async function put(simulation: Simulation, folder: string, body: object): Promise<string> {
  const created = await simulation.call('POST', `${ADA}/mailFolders/${folder}/messages`, body);
  assert.equal(created.status, 201, JSON.stringify(created.body));
  return created.body.id;
}

async function found(simulation: Simulation, folder: string, key: string): Promise<string[]> {
  const filter = encodeURIComponent(`singleValueExtendedProperties/any(ep: ep/id eq '${KEY}' and ep/value eq '${key}')`);
  const answer = await simulation.call('GET', `${ADA}/mailFolders/${folder}/messages?$filter=${filter}`);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.value.map((message: { id: string }) => message.id);
}

const tree = async (root: string): Promise<string[]> =>
  (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();

describe('a message on disk', () => {
  test('is a numbered JSON file with its attachments beside it', async (t) => {
    const simulation = await openSimulation(t);
    const folder = await folderNamed(simulation, 'Enterprise Number Archiver');
    await put(simulation, folder, archived('k1', file('note.txt', 'hello'), file('../../evil.sh', 'x')));
    await put(simulation, folder, archived('k2'));
    const at = `${ON_DISK}/Enterprise Number Archiver`;
    assert.deepEqual(await tree(simulation.root), [`${at}/1-1-note.txt`, `${at}/1-2-__.._evil.sh`, `${at}/1.json`, `${at}/2.json`]);

    const text = await readFile(join(simulation.root, at, '1.json'), 'utf8');
    assert.match(text, /\n {2}"subject": "item k1"/);
    const message = JSON.parse(text);
    assert.equal(message.isDraft, true);
    assert.deepEqual(message.singleValueExtendedProperties, [{ id: KEY, value: 'k1' }]);
    const [note, evil] = message.attachments;
    assert.equal(note.size, 5);
    assert.equal(note.sha256, createHash('sha256').update('hello').digest('hex'));
    assert.equal(note.file, '1-1-note.txt');
    assert.equal(evil.name, '../../evil.sh');
    assert.ok(!('contentBytes' in note));
    assert.equal(await readFile(join(simulation.root, at, note.file), 'utf8'), 'hello');
  });

  test('goes from a hidden staging folder, which vanishes, to the archive folder', async (t) => {
    const simulation = await openSimulation(t);
    const staging = await folderNamed(simulation, 'Staging', true);
    const archive = await folderNamed(simulation, 'Archive Folder');
    await put(simulation, archive, archived('k0'));
    const id = await put(simulation, staging, archived('k1', file('a.txt', 'x')));
    assert.deepEqual(await readdir(join(simulation.root, ON_DISK)), ['Archive Folder', 'Staging']);
    await simulation.call('POST', `${ADA}/messages/${id}/move`, { destinationId: archive });
    assert.deepEqual(
      await tree(simulation.root),
      ['1.json', '2-1-a.txt', '2.json'].map((name) => `${ON_DISK}/Archive Folder/${name}`),
    );
    assert.deepEqual(await readdir(join(simulation.root, ON_DISK)), ['Archive Folder']);
    assert.equal((await simulation.call('GET', `${ADA}/mailFolders/${staging}`)).status, 200);
    await simulation.call('DELETE', `${ADA}/messages/${id}`);
    await simulation.call('DELETE', `${ADA}/mailFolders/${archive}`);
    assert.deepEqual(await readdir(simulation.root), []);
    await put(simulation, staging, archived('k3'));
    assert.equal((await tree(simulation.root)).length, 1);
  });

  test('has a number of its own among many that are created at once', async (t) => {
    const simulation = await openSimulation(t);
    const ids = await Promise.all(
      Array.from({ length: 30 }, (_, n) => put(simulation, 'inbox', archived(`k${n}`, file('a.txt', String(n))))),
    );
    assert.equal(new Set(ids).size, 30);
    const paths = await tree(simulation.root);
    assert.equal(paths.filter((path) => path.endsWith('.json')).length, 30);
    for (const path of paths.filter((each) => each.endsWith('.json'))) {
      const message = JSON.parse(await readFile(join(simulation.root, path), 'utf8'));
      const content = await readFile(join(simulation.root, path, '..', message.attachments[0].file), 'utf8');
      assert.equal(`item k${content}`, message.subject);
    }
  });
});

describe('a restarted server', () => {
  test('goes on with the folders, messages, keys and numbers that are there', async (t) => {
    const first = await openSimulation(t);
    const folder = await folderNamed(first, 'AT&T SMS/MMS Network Archiver');
    const empty = await folderNamed(first, 'Empty', true);
    const id = await put(first, folder, archived('k1', file('a.txt', 'x')));
    const gone = await put(first, folder, archived('k2'));
    await first.call('DELETE', `${ADA}/messages/${gone}`);
    const moved = await put(first, folder, archived('k3'));
    await first.call('POST', `${ADA}/messages/${moved}/move`, { destinationId: 'archive' });
    const before = await first.call('GET', `${ADA}/messages/${id}`);

    const second = await first.restart();
    assert.deepEqual((await second.call('GET', `${ADA}/messages/${id}`)).body, before.body);
    assert.deepEqual(await found(second, folder, 'k1'), [id]);
    assert.deepEqual(await found(second, folder, 'k2'), []);
    assert.deepEqual(await found(second, 'archive', 'k3'), [moved]);
    assert.equal((await second.call('GET', `${ADA}/mailFolders/${empty}`)).body.isHidden, true);
    assert.equal((await second.call('POST', `${ADA}/mailFolders`, { displayName: 'empty' })).status, 409);
    assert.equal((await second.call('GET', `${ADA}/messages/${id}/attachments`)).body.value[0].name, 'a.txt');
    await put(second, folder, archived('k4'));
    assert.equal(await found(second, folder, 'k4').then((ids) => ids.length), 1);
    assert.ok((await tree(second.root)).includes(`${ON_DISK}/AT&T SMS%2FMMS Network Archiver/2.json`));
    assert.deepEqual(second.graph.requests.warnings, []);
  });

  test('clears what a create or an upload left half done, and nothing else', async (t) => {
    const first = await openSimulation(t);
    await put(first, 'inbox', archived('k1'));
    await first.graph.close();
    const inbox = join(first.root, ON_DISK, 'Inbox');
    await writeFile(join(inbox, '2-1-b.txt'), 'an attachment whose message was never written');
    await writeFile(join(inbox, 'note.txt'), 'of a person');
    await writeFile(join(first.hidden, 'temporary/9'), 'half');
    const second = await first.restart();
    assert.equal((await found(second, 'inbox', 'k1')).length, 1);
    assert.deepEqual(await tree(second.root), [`${ON_DISK}/Inbox/1.json`, `${ON_DISK}/Inbox/note.txt`]);
    assert.deepEqual(await readdir(join(second.hidden, 'temporary')), []);
  });

  for (const [from, to] of [
    ['Inbox', 'Archive'],
    ['Archive', 'Inbox'],
  ] as const) {
    test(`ends a move from ${from} to ${to} that was cut off when the message was in both folders`, async (t) => {
      const first = await openSimulation(t);
      const id = await put(first, from.toLowerCase(), archived('k1', file('a.txt', 'x')));
      await first.graph.close();
      const old = join(first.root, ON_DISK, from);
      const next = join(first.root, ON_DISK, to);
      await mkdir(next);
      const message = JSON.parse(await readFile(join(old, '1.json'), 'utf8'));
      const attachments = [{ ...message.attachments[0], file: '4-1-a.txt' }];
      await copyFile(join(old, '1-1-a.txt'), join(next, '4-1-a.txt'));
      await writeFile(join(next, '4.json'), JSON.stringify({ ...message, lastModifiedDateTime: '2999-01-01T00:00:00Z', attachments }));

      const second = await first.restart();
      assert.deepEqual(await found(second, from.toLowerCase(), 'k1'), []);
      assert.deepEqual(await found(second, to.toLowerCase(), 'k1'), [id]);
      assert.deepEqual(await tree(second.root), [`${ON_DISK}/${to}/4-1-a.txt`, `${ON_DISK}/${to}/4.json`]);
      await put(second, to.toLowerCase(), archived('k2'));
      assert.ok((await tree(second.root)).includes(`${ON_DISK}/${to}/5.json`));
    });
  }

  test('never writes over messages whose list of folders is lost', async (t) => {
    const first = await openSimulation(t);
    const folder = await folderNamed(first, 'Kept: "all"');
    await put(first, folder, archived('k1'));
    await first.graph.close();
    await rm(first.hidden, { recursive: true });
    const second = await first.restart();
    const listed = await second.call('GET', `${ADA}/mailFolders?$top=100`);
    const kept = listed.body.value.find((each: { displayName: string }) => each.displayName === 'Kept: "all"');
    assert.equal(kept.totalItemCount, 1);
    await put(second, kept.id, archived('k2'));
    assert.deepEqual((await tree(second.root)).length, 2);
  });

  test('names the file that is not a message, and tries again when it is mended', async (t) => {
    const first = await openSimulation(t);
    await put(first, 'inbox', archived('k1'));
    await first.graph.close();
    const path = join(first.root, ON_DISK, 'Inbox/1.json');
    const whole = await readFile(path, 'utf8');
    await writeFile(path, whole.slice(0, 50));
    const second = await first.restart();
    const answer = await second.call('GET', `${ADA}/mailFolders`);
    assert.equal(answer.status, 500);
    assert.match(answer.body.error.message, /Inbox\/1\.json/);
    assert.equal(second.graph.requests.warnings.length, 1);
    await writeFile(path, whole);
    assert.equal((await found(second, 'inbox', 'k1')).length, 1);
  });
});

describe('a name from outside', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.stringMatching(/^[./\\:%\0 ]{0,12}$/),
    fc.constantFrom(
      '..',
      '.',
      '',
      'CON',
      'nul.txt',
      'a\u202Egpj.exe',
      '\uD800',
      '%2e%2e',
      'x'.repeat(5000),
      '😀'.repeat(200),
      ' a ',
      '.hidden',
    ),
  );
  const harmless = /^(?!\.)(?!.*[. ]$)(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[^\p{Cc}\p{Cf}\p{Cs}/\\:*?"<>|]+$/iu;
  const seed = Number(process.env['FC_SEED'] ?? Date.now() % 2 ** 31);

  test(`becomes a file name that stays in its folder (seed ${seed})`, () => {
    fc.assert(
      fc.property(hostile, (name) => {
        const safe = attachmentFileName(name);
        assert.match(safe, harmless);
        assert.ok(Buffer.byteLength(safe) <= 200);
      }),
      { seed, numRuns: 500 },
    );
  });

  test(`becomes a folder name that stays in its folder and is no other name's (seed ${seed})`, () => {
    fc.assert(
      fc.property(hostile, hostile, (name, other) => {
        const directory = directoryName(name);
        assert.match(directory, harmless);
        assert.ok(Buffer.byteLength(directory) <= 200);
        if (name.isWellFormed() && other.isWellFormed() && name !== other) assert.notEqual(directory, directoryName(other));
        if (name.isWellFormed() && Buffer.byteLength(directory) <= 180) assert.equal(nameOfDirectory(directory), name);
      }),
      { seed, numRuns: 500 },
    );
  });

  test('of an attachment keeps its extension, however long it is', () => {
    assert.match(attachmentFileName(`${'x'.repeat(5000)}.pdf`), /^x{116}\.pdf$/);
    assert.equal(attachmentFileName('סיכום שיחה.pdf'), 'סיכום שיחה.pdf');
  });

  test('of a mailbox or a folder cannot leave the root', async (t) => {
    const simulation = await openSimulation(t, {
      directory: [{ userPrincipalName: 'mallory@contoso.example', mail: '../../Mallory@contoso.example', hasMailbox: true }],
    });
    const user = '/users/mallory@contoso.example';
    const folder = await simulation.call('POST', `${user}/mailFolders`, { displayName: '../../../out' });
    assert.equal((await simulation.call('POST', `${user}/mailFolders/${folder.body.id}/messages`, { subject: 'x' })).status, 201);
    assert.deepEqual(await tree(simulation.root), ['%2E%2E%2F..%2Fmallory@contoso.example/%2E%2E%2F..%2F..%2Fout/1.json']);
    const again = await simulation.restart();
    assert.equal((await again.call('GET', `${user}/mailFolders/${folder.body.id}/messages`)).body.value.length, 1);
  });
});
