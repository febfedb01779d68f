/** Timer: goes on with interrupted listings, enqueues again what the queues lost, and completes runs. @module */
import { app, type InvocationContext, type Timer } from '@azure/functions';
import { sweepRuns } from '../shared/pipeline/sweep-runs.ts';
import { pipelineFor, settings } from './archiver.ts';

async function handler(_timer: Timer, context: InvocationContext): Promise<void> {
  await sweepRuns(pipelineFor(context));
}

if (settings !== undefined) app.timer('sweepRuns', { schedule: '0 */10 * * * *', handler });
