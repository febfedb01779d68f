/** Storage that stops answering: nothing waits for it without end. @module */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { BlobServiceClient, type BlobLeaseClient, type ContainerClient } from '@azure/storage-blob';
import { startAzurite, type Azurite } from '../../local/storage/start-azurite.ts';
import { TransientError } from '../../shared/errors.ts';
import { holdLease } from '../../shared/storage/hold-lease.ts';
import { openBlob, readBlob } from '../../shared/storage/read-blob.ts';
import { connectStorage } from '../../shared/storage/storage.ts';
import { changeLimits } from '../support/change-limits.ts';

const STORAGE_MS = 300;
const gaveUp = (error: unknown) => error instanceof TransientError && error.message === 'Azure Storage did not answer within 0.3 s.';

/** Clients of a storage account that answers as it is told. */
async function unreliable(context: TestContext, answer: (response: ServerResponse, url: string) => void) {
  changeLimits(context, { storageMs: STORAGE_MS });
  const server = createServer((request, response) => {
    request.resume();
    answer(response, request.url ?? '');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const endpoints = ['Blob', 'Queue', 'Table'].map((service) => `${service}Endpoint=http://127.0.0.1:${port}/account`);
  const AzureWebJobsStorage = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${btoa('key')};${endpoints.join(';')}`;
  const identity = () => assert.fail('a connection string needs no identity');
  return connectStorage({ AzureWebJobsStorage }, identity);
}

/** Sends the head and some bytes of an answer, and nothing more. */
function begin(response: ServerResponse, length: number, bytes: string): void {
  response.writeHead(200, { 'content-length': String(length), etag: '"1"' });
  response.write(bytes);
}

describe('storage that does not answer', () => {
  const row = { partitionKey: 'p', rowKey: 'r' };
  const requests: Readonly<Record<string, (storage: Awaited<ReturnType<typeof unreliable>>) => Promise<unknown>>> = {
    'a blob': ({ containers }) => containers.items.getBlockBlobClient('x').upload('bytes', 5),
    'a list of blobs': ({ containers }) => containers.items.listBlobsFlat().next(),
    'a message': ({ queues }) => queues.download.sendMessage('x'),
    'a row': ({ tables }) => tables.items.createEntity(row),
    'a transaction': ({ tables }) => tables.items.submitTransaction([['create', row]]),
    'a query': ({ tables }) => tables.items.listEntities().next(),
  };
  for (const [name, request] of Object.entries(requests)) {
    test(`${name} is given up in time`, async (context) => {
      await assert.rejects(request(await unreliable(context, () => undefined)), gaveUp);
    });
  }

  for (const name of ['a blob', 'a message']) {
    test(`storage is told how long ${name} may take, so that it does nothing after it was given up`, async (context) => {
      const told: (string | null)[] = [];
      const storage = await unreliable(context, (response, url) => {
        told.push(new URLSearchParams(url.split('?')[1]).get('timeout'));
        response.writeHead(400).end();
      });
      await assert.rejects(async () => requests[name]?.(storage));
      assert.deepEqual(told, ['60']);
    });
  }

  test('a blob whose bytes stop coming is given up', async (context) => {
    const { containers } = await unreliable(context, (response) => begin(response, 100, 'the first ten'));
    await assert.rejects(readBlob(containers.items.getBlobClient('x')), gaveUp);
  });

  test('who reads slowly is not taken for storage that is silent', async (context) => {
    let finish = () => {};
    const { containers } = await unreliable(context, (response) => {
      begin(response, 6, 'one');
      finish = () => response.end('two');
    });
    const read: string[] = [];
    for await (const chunk of (await openBlob(containers.items.getBlobClient('x'))).chunks) {
      read.push(chunk.toString());
      await delay(STORAGE_MS * 2);
      finish();
    }
    assert.deepEqual(read, ['one', 'two']);
  });

  test('who stops reading leaves no connection behind', async (context) => {
    const left = Promise.withResolvers<void>();
    const { containers } = await unreliable(context, (response) => {
      response.once('close', left.resolve);
      begin(response, 100, 'the first ten');
    });
    for await (const chunk of (await openBlob(containers.items.getBlobClient('x'))).chunks) {
      assert.equal(chunk.toString(), 'the first ten');
      break;
    }
    await left.promise;
  });
});

describe('a lease', { concurrency: true }, () => {
  let azurite: Azurite;
  let container: ContainerClient;
  before(async () => {
    azurite = await startAzurite();
    container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('leases');
    await container.create();
  });
  after(() => azurite.stop());
  const aborted = (signal: AbortSignal) => once(signal, 'abort').then(() => signal.reason as unknown);

  test('that somebody else has broken is known to be lost at the next renewal', async () => {
    const reason = await holdLease(container, 'broken', 0, async (signal) => {
      await container.getBlobClient('broken').getBlobLeaseClient().breakLease(0);
      return aborted(signal);
    });
    assert.equal((reason as { statusCode?: number }).statusCode, 409);
  });

  test('is not lost by one renewal that failed', async () => {
    const renewals: string[] = [];
    const second = Promise.withResolvers<void>();
    const flaky = renewing(container, async (lease) => {
      renewals.push(renewals.length === 0 ? 'failed' : 'renewed');
      if (renewals.length === 1) throw new TransientError('no answer');
      await lease.renewLease();
      second.resolve();
    });
    const held = await holdLease(flaky, 'flaky', 0, async (signal) => {
      await second.promise;
      return !signal.aborted;
    });
    assert.deepEqual({ held, renewals }, { held: true, renewals: ['failed', 'renewed'] });
  });

  test('is lost when its time is over without a renewal', async () => {
    const mute = renewing(container, () => new Promise<never>(() => undefined));
    const reason = await holdLease(mute, 'mute', 0, aborted);
    assert.ok(reason instanceof TransientError);
    assert.match(reason.message, /mute could not be renewed in time/);
  });
});

/** A container whose leases are renewed in another way. */
function renewing(container: ContainerClient, renewLease: (lease: BlobLeaseClient) => Promise<unknown>): ContainerClient {
  const over = <Target extends object>(target: Target, name: keyof Target, value: unknown): Target =>
    new Proxy(target, {
      get(_, asked) {
        const own: unknown = asked === name ? value : Reflect.get(target, asked, target);
        return typeof own === 'function' ? own.bind(target) : own;
      },
    });
  return over(container, 'getBlockBlobClient', (name: string) => {
    const blob = container.getBlockBlobClient(name);
    return over(blob, 'getBlobLeaseClient', () => {
      const lease = blob.getBlobLeaseClient();
      return over(lease, 'renewLease', () => renewLease(lease));
    });
  });
}
