/**
 * Azurite as the local storage.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TableClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { startAzurite } from '../../local/storage/start-azurite.ts';
import { untilGone } from '../fixtures/local-host/process-state.ts';

function connect(connectionString: string) {
  return {
    container: BlobServiceClient.fromConnectionString(connectionString).getContainerClient('items'),
    queue: QueueServiceClient.fromConnectionString(connectionString).getQueueClient('some-queue'),
    table: TableClient.fromConnectionString(connectionString, 'runs', { allowInsecureConnection: true }),
  };
}

async function fill(connectionString: string): Promise<void> {
  const { container, queue, table } = connect(connectionString);
  await container.create();
  await container.getBlockBlobClient('one').upload('the bytes', 9);
  await queue.create();
  await queue.sendMessage('the message');
  await table.createTable();
  await table.createEntity({ partitionKey: 'a', rowKey: 'b', text: 'the row' });
}

async function assertFilled(connectionString: string): Promise<void> {
  const { container, queue, table } = connect(connectionString);
  assert.equal((await container.getBlobClient('one').downloadToBuffer()).toString(), 'the bytes');
  assert.equal((await queue.peekMessages()).peekedMessageItems[0]?.messageText, 'the message');
  assert.equal((await table.getEntity('a', 'b'))['text'], 'the row');
}

const folders: string[] = [];
// At the very end: a stopping Azurite still writes to its folder.
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'local-host-'));
  folders.push(folder);
  return join(folder, 'storage');
}

describe('Azurite', () => {
  test('serves blobs, queues and tables to the clients of this project, several side by side', async (t) => {
    const [one, other] = await Promise.all([startAzurite(), startAzurite()]);
    t.after(() => Promise.all([one.stop(), other.stop()]));
    await fill(one.connectionString);
    await assertFilled(one.connectionString);
    assert.equal(await connect(other.connectionString).container.exists(), false);
  });

  test('keeps everything in its folder from one start to the next', async (t) => {
    const folder = await temporaryFolder();
    const first = await startAzurite({ folder });
    await fill(first.connectionString);
    await first.stop();
    const second = await startAzurite({ folder });
    t.after(() => second.stop());
    await assertFilled(second.connectionString);
  });

  test('loses nothing when the program that started it is killed with -9', async (t) => {
    const folder = await temporaryFolder();
    const program = spawn(process.execPath, [fileURLToPath(new URL('../fixtures/local-host/storage-parent.ts', import.meta.url)), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => program.kill('SIGKILL'));
    const [line] = (await once(createInterface({ input: program.stdout }), 'line')) as [string];
    const { connectionString, pid } = JSON.parse(line) as { connectionString: string; pid: number };
    await fill(connectionString);
    program.kill('SIGKILL');
    await untilGone([pid]);
    const second = await startAzurite({ folder });
    t.after(() => second.stop());
    await assertFilled(second.connectionString);
  });

  test('ends when it is stopped', async () => {
    const azurite = await startAzurite();
    await azurite.stop();
    await untilGone([azurite.pid]);
    await assert.rejects(fetch(/BlobEndpoint=([^;]+)/.exec(azurite.connectionString)?.[1] ?? ''));
  });

  test('that dies is reported', async () => {
    const report = await new Promise<Error>((resolve, reject) => {
      startAzurite({ onUnexpectedEnd: resolve }).then(({ pid }) => process.kill(pid, 'SIGKILL'), reject);
    });
    assert.match(report.message, /^Azurite ended unexpectedly with signal SIGKILL/);
  });

  test('that cannot use its folder says so', async () => {
    await assert.rejects(startAzurite({ folder: '/dev/null/storage' }), /Azurite ended unexpectedly with exit code 1[^]*\/dev\/null/);
  });

  test('in memory writes no file where it runs', async (t) => {
    const before = await readdir(process.cwd());
    const azurite = await startAzurite();
    t.after(() => azurite.stop());
    await fill(azurite.connectionString);
    assert.deepEqual(await readdir(process.cwd()), before);
  });
});
