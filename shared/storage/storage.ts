/**
 * The storage account: which containers, queues and tables there are, and clients for them.
 *
 * @module
 */
import type { TokenCredential } from '@azure/identity';
import { TableClient, type TableServiceClientOptions } from '@azure/data-tables';
import {
  BlobServiceClient,
  newPipeline as newBlobPipeline,
  type ContainerClient,
  type RequestPolicyFactory,
  type StoragePipelineOptions,
} from '@azure/storage-blob';
import { newPipeline as newQueuePipeline, QueueServiceClient, type QueueClient } from '@azure/storage-queue';
import type { Settings } from '../config.ts';
import { limits } from '../limits.ts';
import { unanswered } from './storage-errors.ts';

/** Queues by the work that waits in them. */
export const queueNames = {
  download: 'download-items',
  import: 'import-items',
  unmapped: 'unmapped-items-poison',
  oversize: 'oversize-items-poison',
  failed: 'failed-items-poison',
} as const;

/** Blob containers: `items` holds the raw items, `audit` the chained log. */
export const containerNames = ['items', 'config', 'reports', 'audit'] as const;

/** Tables of the ledger. */
export const tableNames = ['runs', 'items', 'deliveries', 'content'] as const;

/** Clients for everything that the app keeps. */
export interface Storage {
  /** Reached by a connection string: nobody has prepared it. */
  readonly isEmulated: boolean;
  readonly containers: Readonly<Record<(typeof containerNames)[number], ContainerClient>>;
  readonly queues: Readonly<Record<keyof typeof queueNames, QueueClient>>;
  readonly tables: Readonly<Record<(typeof tableNames)[number], TableClient>>;
}

/** The settings that say where the storage account is. */
export type StorageSettings = Pick<
  Settings,
  | 'AzureWebJobsStorage'
  | 'AzureWebJobsStorage__blobServiceUri'
  | 'AzureWebJobsStorage__queueServiceUri'
  | 'AzureWebJobsStorage__tableServiceUri'
>;

/**
 * Makes the clients. Nothing is asked of the account yet.
 *
 * @param identity - Gives the credential where the settings name services rather than a connection string.
 */
export function connectStorage(settings: StorageSettings, identity: () => TokenCredential): Storage {
  const connectionString = settings.AzureWebJobsStorage;
  if (connectionString !== undefined) {
    const blobs = BlobServiceClient.fromConnectionString(connectionString);
    const { url } = QueueServiceClient.fromConnectionString(connectionString);
    return assemble(
      true,
      new BlobServiceClient(blobs.url, withTimeout(newBlobPipeline(blobs.credential, pipelineOptions()))),
      new QueueServiceClient(url, withTimeout(newQueuePipeline(blobs.credential, pipelineOptions()))),
      (table) => TableClient.fromConnectionString(connectionString, table, { ...tableOptions, allowInsecureConnection: true }),
    );
  }
  const [blob, queue, table] = [
    settings.AzureWebJobsStorage__blobServiceUri,
    settings.AzureWebJobsStorage__queueServiceUri,
    settings.AzureWebJobsStorage__tableServiceUri,
  ];
  if (blob === undefined || queue === undefined || table === undefined) {
    throw new Error('readSettings accepts only settings with a connection string or all three service addresses');
  }
  const credential = identity();
  return assemble(
    false,
    new BlobServiceClient(blob.href, withTimeout(newBlobPipeline(credential, pipelineOptions()))),
    new QueueServiceClient(queue.href, withTimeout(newQueuePipeline(credential, pipelineOptions()))),
    (name) => new TableClient(table.href, name, credential, tableOptions),
  );
}

const pipelineOptions = (): Pick<StoragePipelineOptions, 'retryOptions'> => ({ retryOptions: { tryTimeoutInMs: limits.storageServerMs } });

/**
 * The clients wait for an answer without end, and a connection that a gateway has dropped never gives one: the function would hang until
 * the host kills it with all that runs beside it. (`tryTimeoutInMs` only tells the server.) The queue and blob clients take policies of this
 * older form alone.
 */
const timeoutFactory: RequestPolicyFactory = {
  create: (next) => ({
    async sendRequest(request) {
      request.timeout = limits.storageMs;
      return unanswered(next.sendRequest(request));
    },
  }),
};

/** The same for tables, where the server gives up after 30 s by itself. */
const tableOptions: TableServiceClientOptions = {
  additionalPolicies: [
    {
      position: 'perCall',
      policy: {
        name: 'timeout',
        async sendRequest(request, next) {
          request.timeout = limits.storageMs;
          return unanswered(next(request));
        },
      },
    },
  ],
};

function withTimeout<Line extends { readonly factories: RequestPolicyFactory[] }>(pipeline: Line): Line {
  pipeline.factories.push(timeoutFactory);
  return pipeline;
}

function assemble(
  isEmulated: boolean,
  blobs: BlobServiceClient,
  queues: QueueServiceClient,
  table: (name: string) => TableClient,
): Storage {
  const record = <Key extends string, Value>(keys: readonly Key[], make: (key: Key) => Value) =>
    Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<Key, Value>;
  return {
    isEmulated,
    containers: record(containerNames, (name) => blobs.getContainerClient(name)),
    queues: record(Object.keys(queueNames) as (keyof typeof queueNames)[], (name) => queues.getQueueClient(queueNames[name])),
    tables: record(tableNames, table),
  };
}

/**
 * Creates what is missing in an account reached by connection string, which is the emulator. In Azure Bicep has made everything, and the
 * app's rights stand on each container, queue and table, so that it may create none.
 */
export async function ensureStorage(storage: Storage): Promise<void> {
  if (!storage.isEmulated) return;
  await Promise.all([
    ...Object.values(storage.containers).map((container) => container.createIfNotExists()),
    ...Object.values(storage.queues).map((queue) => queue.createIfNotExists()),
    ...Object.values(storage.tables).map((table) => table.createTable()),
  ]);
}
