/** Queue: transfers one listed item to blob storage. @module */
import { app, type InvocationContext } from '@azure/functions';
import { downloadItem } from '../shared/pipeline/download-item.ts';
import { readDownloadMessage } from '../shared/pipeline/messages.ts';
import { runStep } from '../shared/pipeline/run-step.ts';
import { queueNames } from '../shared/storage/storage.ts';
import { pipelineFor, settings } from './archiver.ts';

async function handler(message: unknown, context: InvocationContext): Promise<void> {
  const pipeline = pipelineFor(context);
  await runStep(pipeline, 'item.download', pipeline.storage.queues.download, readDownloadMessage(message), downloadItem);
}

if (settings !== undefined) {
  app.storageQueue('downloadItem', { queueName: queueNames.download, connection: 'AzureWebJobsStorage', handler });
}
