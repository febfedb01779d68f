/**
 * The deployment package: what is in it, whether any unzip reads it, whether it loads alone.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { crc32, inflateRawSync } from 'node:zlib';
import { collectFiles, measureLoad, zip } from '../../scripts/package.ts';

/** Reads an archive the way a program does that was not written with ours: end record, directory, entries. */
function unzip(archive: Buffer): ReadonlyMap<string, string> {
  const end = archive.lastIndexOf(Buffer.from('504b0506', 'hex'));
  assert.ok(end >= 0, 'there is no end record');
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  assert.equal(at + archive.readUInt32LE(end + 12), end, 'the directory ends where the end record begins');
  const files = new Map<string, string>();
  for (let index = 0; index < count; index += 1) {
    assert.equal(archive.readUInt32LE(at), 0x02014b50);
    const [packedSize, size, nameLength] = [archive.readUInt32LE(at + 20), archive.readUInt32LE(at + 24), archive.readUInt16LE(at + 28)];
    const name = archive.toString('utf8', at + 46, at + 46 + nameLength);
    const local = archive.readUInt32LE(at + 42);
    assert.equal(archive.readUInt32LE(local), 0x04034b50);
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const content = inflateRawSync(archive.subarray(start, start + packedSize));
    assert.equal(content.length, size);
    assert.equal(crc32(content), archive.readUInt32LE(at + 16));
    files.set(name, content.toString());
    at += 46 + nameLength + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return files;
}

const MAIN = `
import { createRequire } from 'node:module';
createRequire(import.meta.url)('@azure/functions-core').registerFunction({ name: 'listDailyItems' });
`;

describe('the deployment package', () => {
  let root: string;
  const put = async (path: string, content: string) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  };
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'archiver-project-'));
    await put(
      'package.json',
      JSON.stringify({ name: 'x', version: '1.2.3', type: 'module', main: 'dist/functions/main.js', dependencies: { zod: '4' } }),
    );
    await put('host.json', '{"version":"2.0"}');
    await put('local.settings.json', '{"Values":{"TELEMESSAGE_PASSWORD":"canary"}}');
    await put('dist/functions/main.js', MAIN);
    await put('dist/functions/main.js.map', '{}');
    await put('dist/functions/chunks/Grüße.js', 'export {};');
  });
  after(() => rm(root, { recursive: true }));

  test('it holds the bundle, host.json and a package.json without dependencies, and nothing else of the project', async () => {
    const files = unzip(zip(await collectFiles(root)));
    assert.deepEqual([...files.keys()], ['host.json', 'package.json', 'dist/functions/chunks/Grüße.js', 'dist/functions/main.js']);
    assert.equal(files.get('dist/functions/main.js'), MAIN);
    assert.deepEqual(JSON.parse(files.get('package.json') ?? ''), {
      name: 'x',
      version: '1.2.3',
      private: true,
      type: 'module',
      main: 'dist/functions/main.js',
    });
  });

  test('the same files give the same bytes', async () => {
    assert.deepEqual(zip(await collectFiles(root)), zip(await collectFiles(root)));
  });

  test('it loads with nothing beside it but what the worker gives', async () => {
    assert.deepEqual((await measureLoad(await collectFiles(root))).functions, ['listDailyItems']);
  });

  test('a package that needs a module which is not bundled is refused', async () => {
    const files = new Map(await collectFiles(root)).set('dist/functions/main.js', Buffer.from(`import 'zod';${MAIN}`));
    await assert.rejects(measureLoad(files), /Cannot find package 'zod'/);
  });

  test('a package that registers no function is refused', async () => {
    const files = new Map(await collectFiles(root)).set('dist/functions/main.js', Buffer.from('export {};'));
    await assert.rejects(measureLoad(files), /registers no function/);
  });

  test('without a bundle it says what to do', async () => {
    await rm(join(root, 'dist'), { recursive: true });
    await assert.rejects(collectFiles(root), /run npm run build first/);
  });
});
