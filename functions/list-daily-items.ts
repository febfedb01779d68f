/** Timer: lists the items that arrived since the last run and enqueues them. @module */
import { app, type InvocationContext, type Timer } from '@azure/functions';
import { describeError } from '../shared/errors.ts';
import { listDailyItems } from '../shared/pipeline/list-daily-items.ts';
import { pipelineFor, settings } from './archiver.ts';

async function handler(timer: Timer, context: InvocationContext): Promise<void> {
  const pipeline = pipelineFor(context);
  if (timer.isPastDue) pipeline.log.warn('timer.past-due');
  try {
    await listDailyItems(pipeline);
  } catch (error) {
    pipeline.log.error('run.interrupted', { error: describeError(error) });
    throw new Error(`The listing was interrupted and the sweep goes on with it: ${describeError(error)}`, { cause: error });
  } finally {
    await pipeline.telemetry.flush();
  }
}

app.timer('listDailyItems', { schedule: settings?.ARCHIVE_SCHEDULE ?? '0 30 1 * * *', handler });
