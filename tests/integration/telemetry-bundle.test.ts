/** What Application Insights needs is loaded only where there is a connection string. @module */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startTelemetry } from '../../shared/telemetry/start-telemetry.ts';

const project = resolve(import.meta.dirname, '../..');

describe('the bundle', () => {
  let folder: string;
  let main: string;

  before(async () => {
    // A folder of its own: the bundle in dist may be in use.
    folder = await mkdtemp(join(tmpdir(), 'archiver-telemetry-'));
    for (const name of ['functions', 'shared', 'node_modules', 'package.json']) await symlink(join(project, name), join(folder, name));
    const build = spawn(process.execPath, [join(project, 'scripts/build.ts')], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
    assert.deepEqual(await once(build, 'exit'), [0, null]);
    main = join(folder, 'dist/functions/main.js');
  });
  after(() => rm(folder, { recursive: true }));

  test('reaches Application Insights by a dynamic import alone', async () => {
    const chunks = (await readdir(join(folder, 'dist'), { recursive: true })).filter((path) => path.endsWith('.js'));
    const contents = new Map(
      await Promise.all(
        chunks.map(async (path) => [join(folder, 'dist', path), await readFile(join(folder, 'dist', path), 'utf8')] as const),
      ),
    );
    const reached = new Set<string>();
    const reach = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      const statics = (contents.get(path) ?? '').matchAll(/^(?:import|export)\b[^;(]*?"(\.{1,2}\/[^"]+)";/gm);
      for (const [, target = ''] of statics) reach(join(dirname(path), target));
    };
    reach(main);
    const isExporter = (path: string) => contents.get(path)?.includes('AzureMonitorTraceExporter was successfully setup') === true;
    assert.equal([...contents.keys()].filter(isExporter).length, 1);
    assert.ok(reached.size > 1, 'there are chunks that are loaded at once');
    assert.deepEqual([...reached].filter(isExporter), []);
  });

  test('starts nothing without a connection string', async () => {
    assert.equal(await startTelemetry({}), undefined);
    assert.equal(
      await startTelemetry({ APPLICATIONINSIGHTS_CONNECTION_STRING: '', APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'bad' }),
      undefined,
    );
  });
});
