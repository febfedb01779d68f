/** Queues: takes over what the host gave up on, before it expires. @module */
import { app, type InvocationContext } from '@azure/functions';
import { drainPoison } from '../shared/pipeline/drain-poison.ts';
import { readDownloadMessage, readImportMessage } from '../shared/pipeline/messages.ts';
import { queueNames } from '../shared/storage/storage.ts';
import { pipelineFor, settings } from './archiver.ts';

function register(name: string, queue: string, read: typeof readDownloadMessage | typeof readImportMessage): void {
  app.storageQueue(name, {
    queueName: `${queue}-poison`,
    connection: 'AzureWebJobsStorage',
    handler: (message: unknown, context: InvocationContext) => drainPoison(pipelineFor(context), queue, message, read),
  });
}

if (settings !== undefined) {
  register('drainPoisonDownload', queueNames.download, readDownloadMessage);
  register('drainPoisonImport', queueNames.import, readImportMessage);
}
