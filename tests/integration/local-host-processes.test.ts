/**
 * Child processes end with their parent, whatever ends it.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { forkChild } from '../../local/processes/fork-child.ts';
import { isRunning, untilGone } from '../fixtures/local-host/process-state.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/local-host/${name}`, import.meta.url));
type Program = ChildProcessByStdio<null, Readable, null>;

/** Starts a program, and gives its lines, with a way to wait for some of them. */
function run(t: TestContext, command: string, args: string[], cwd?: string) {
  const program: Program = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd });
  t.after(() => program.kill('SIGKILL'));
  const lines: string[] = [];
  const reader = createInterface({ input: program.stdout });
  reader.on('line', (line) => lines.push(line));
  async function linesMatching(pattern: RegExp, count: number): Promise<string[]> {
    for (;;) {
      const found = lines.map((line) => pattern.exec(line)?.[1]).filter((text) => text !== undefined);
      if (found.length >= count) {
        return found;
      }
      await once(reader, 'line');
    }
  }
  return { program, lines, linesMatching };
}

async function startParent(t: TestContext, ...kinds: string[]) {
  const parent = run(t, process.execPath, [fixture('parent.ts'), ...kinds]);
  const expected = kinds.length + kinds.filter((kind) => kind === 'grandparent').length;
  const pids = (await parent.linesMatching(/^pid (\d+)$/, expected)).map(Number);
  t.after(() => pids.filter(isRunning).forEach((pid) => process.kill(pid, 'SIGKILL')));
  return { ...parent, pids };
}

describe('a parent killed with -9', () => {
  test('leaves no child and no grandchild, although their servers are open', async (t) => {
    const { program, pids } = await startParent(t, 'serving', 'grandparent');
    assert.equal(new Set(pids).size, 3);
    assert.ok(pids.every(isRunning));
    program.kill('SIGKILL');
    await untilGone(pids);
  });

  test('leaves its children time to save, and they know that nobody waits', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'local-host-'));
    t.after(() => rm(folder, { recursive: true }));
    const saved = join(folder, 'saved');
    const { program, pids } = await startParent(t, `saving to ${saved}`);
    program.kill('SIGKILL');
    await untilGone(pids);
    assert.equal(await readFile(saved, 'utf8'), 'parent gone');
  });

  test('leaves no child that is stuck in an endless loop, nor one whose clean-up never ends', async (t) => {
    const { program, pids } = await startParent(t, 'blocked', 'deaf');
    program.kill('SIGKILL');
    await untilGone(pids);
  });
});

describe('a parent that ends by a signal', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`stops its children one after the other on ${signal}, the last started first`, async (t) => {
      const { program, lines, pids } = await startParent(t, 'first', 'grandparent');
      const exited = once(program, 'close');
      program.kill(signal);
      const [code] = (await exited) as [number];
      assert.equal(code, signal === 'SIGTERM' ? 143 : 130);
      assert.deepEqual(
        lines.filter((line) => line.includes('stopped')),
        ['grandchild stopped: asked', 'grandparent stopped: asked', 'first stopped: asked'],
      );
      assert.deepEqual(pids.filter(isRunning), []);
    });
  }

  test('keeps the order when the signal reaches the children too, as with Ctrl-C', async (t) => {
    const { program, lines, pids } = await startParent(t, 'first', 'second');
    const exited = once(program, 'close');
    pids.forEach((pid) => process.kill(pid, 'SIGINT'));
    program.kill('SIGINT');
    await exited;
    assert.deepEqual(
      lines.filter((line) => line.includes('stopped') || line.includes('unexpectedly')),
      ['second stopped: asked', 'first stopped: asked'],
    );
  });
});

describe('a forked child', () => {
  test('that dies is reported with its exit code and its last lines on stderr', async () => {
    const report = await new Promise<Error>((resolve) => {
      forkChild(fixture('child.ts'), { name: 'the storage', args: ['dying'], onUnexpectedEnd: resolve });
    });
    assert.match(report.message, /^the storage ended unexpectedly with exit code 3; its last lines were:\nthe last words$/);
  });

  test('that ends because it was asked to is not reported', async () => {
    const unexpected: Error[] = [];
    const lines: string[] = [];
    let onReady: (() => void) | undefined;
    const ready = new Promise<void>((resolve) => (onReady = resolve));
    const child = forkChild(fixture('child.ts'), {
      name: 'a server',
      args: ['serving'],
      onMessage: () => onReady?.(),
      onLine: (line) => lines.push(line),
      onUnexpectedEnd: (error) => unexpected.push(error),
    });
    await ready;
    const end = await child.stop();
    assert.deepEqual({ code: end.code, signal: end.signal, expected: end.expected }, { code: 0, signal: null, expected: true });
    assert.deepEqual(lines, ['serving stopped: asked']);
    assert.deepEqual(unexpected, []);
  });

  test('that does not end in its time is killed', async () => {
    let onReady: (() => void) | undefined;
    const ready = new Promise<void>((resolve) => (onReady = resolve));
    const child = forkChild(fixture('child.ts'), {
      name: 'a deaf one',
      args: ['deaf'],
      onMessage: () => onReady?.(),
      onUnexpectedEnd: assert.fail,
    });
    await ready;
    assert.equal((await child.stop(100)).signal, 'SIGKILL');
  });

  test('gets the settings it is given and nothing else of the environment of its parent', async (t) => {
    process.env['AZURE_CLIENT_SECRET'] = 'of the developer';
    t.after(() => delete process.env['AZURE_CLIENT_SECRET']);
    const folder = await mkdtemp(join(tmpdir(), 'local-host-'));
    t.after(() => rm(folder, { recursive: true }));
    const module = join(folder, 'print-environment.mjs');
    await writeFile(module, 'process.send([process.env.GIVEN, process.env.AZURE_CLIENT_SECRET, typeof process.env.PATH]);');
    const seen = await new Promise((resolve) => {
      const child = forkChild(module, {
        name: 'a printer',
        env: { GIVEN: 'yes' },
        onMessage: (message) => void child.stop().then(() => resolve(message)),
        onUnexpectedEnd: assert.fail,
      });
    });
    assert.deepEqual(seen, ['yes', null, 'string']);
  });
});

describe('a program run by npm', { skip: process.platform !== 'linux' && 'ancestors are only known where there is /proc' }, () => {
  async function startWithNpm(t: TestContext) {
    const folder = await mkdtemp(join(tmpdir(), 'local-host-'));
    t.after(() => rm(folder, { recursive: true }));
    // Two commands, so that the shell stays between npm and the program.
    const start = `"${process.execPath}" "${fixture('watcher.ts')}"; true`;
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'watched', version: '1.0.0', scripts: { start } }));
    const npm = run(t, 'npm', ['start', '--no-update-notifier'], folder);
    const [found] = await npm.linesMatching(/^watching (.*)$/, 1);
    const { pid, watched } = JSON.parse(found ?? '') as { pid: number; watched: number[] };
    t.after(() => isRunning(pid) && process.kill(pid, 'SIGKILL'));
    return { npm: npm.program, pid, watched };
  }

  test('ends when npm is killed with -9, although the shell between them stays', async (t) => {
    const { npm, pid, watched } = await startWithNpm(t);
    assert.equal(watched.length, 2);
    assert.equal(watched.at(-1), npm.pid);
    npm.kill('SIGKILL');
    await untilGone([pid]);
  });

  test('ends when the shell is killed with -9, although npm stays', async (t) => {
    const { pid, watched } = await startWithNpm(t);
    process.kill(watched[0]!, 'SIGKILL');
    await untilGone([pid]);
  });

  test('is not watched when npm did not start it', async (t) => {
    const program = run(t, '/bin/sh', ['-c', `unset npm_lifecycle_event; "${process.execPath}" "${fixture('watcher.ts')}"; true`]);
    const [found] = await program.linesMatching(/^watching (.*)$/, 1);
    const { pid, watched } = JSON.parse(found ?? '') as { pid: number; watched: number[] };
    assert.deepEqual(watched, []);
    process.kill(pid, 'SIGKILL');
  });
});
