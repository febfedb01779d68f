/** Queue: maps one staged item and imports it into its users' mailboxes. @module */
import { app, type InvocationContext } from '@azure/functions';
import { importItem } from '../shared/pipeline/import-item.ts';
import { readImportMessage } from '../shared/pipeline/messages.ts';
import { runStep } from '../shared/pipeline/run-step.ts';
import { queueNames } from '../shared/storage/storage.ts';
import { pipelineFor, settings } from './archiver.ts';

async function handler(message: unknown, context: InvocationContext): Promise<void> {
  const pipeline = pipelineFor(context);
  await runStep(pipeline, 'item.import', pipeline.storage.queues.import, readImportMessage(message), importItem);
}

if (settings !== undefined) {
  app.storageQueue('importItem', { queueName: queueNames.import, connection: 'AzureWebJobsStorage', handler });
}
