/** Hooks: starts telemetry with the app and sends what is left at its end. @module */
import { app } from '@azure/functions';
import { describeError } from '../shared/errors.ts';
import { startTelemetry } from '../shared/telemetry/start-telemetry.ts';

let stop: (() => Promise<void>) | undefined;

app.hook.appStart(async () => {
  try {
    stop = await startTelemetry();
  } catch (error) {
    // oxlint-disable-next-line no-console -- no invocation is under way that could log it, and archiving goes on without telemetry.
    console.error(`telemetry.not-started ${describeError(error)}`);
  }
});
app.hook.appTerminate(async () => {
  await stop?.();
});
