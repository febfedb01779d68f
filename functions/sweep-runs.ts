/** Timer: goes on with interrupted listings, enqueues again what the queues lost, and completes runs. @module */
import { app, type InvocationContext, type Timer } from '@azure/functions';
import { sweepRuns } from '../shared/pipeline/sweep-runs.ts';
import { pipelineFor, settings } from './archiver.ts';

async function handler(_timer: Timer, context: InvocationContext): Promise<void> {
  const pipeline = pipelineFor(context);
  try {
    await sweepRuns(pipeline);
  } finally {
    // What the alerts read is sent before an idle instance is taken away.
    await pipeline.telemetry.flush();
  }
}

if (settings !== undefined) app.timer('sweepRuns', { schedule: '0 */10 * * * *', handler });
