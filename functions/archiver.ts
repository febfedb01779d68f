/**
 * What all functions share: the settings read once, the archiver made once, and a log that belongs to the invocation.
 *
 * @module
 */
import type { InvocationContext } from '@azure/functions';
import type { TokenCredential } from '@azure/identity';
import { createArchiver } from '../shared/archiver.ts';
import { readSettings, SettingsError, type Settings } from '../shared/config.ts';
import type { Log, LogFields, Pipeline } from '../shared/pipeline/pipeline.ts';

function identity(): TokenCredential {
  let credential: Promise<TokenCredential> | undefined;
  return {
    getToken: async (scopes, options) => {
      // The package costs 244 ms to load, and only a deployed app needs it.
      credential ??= import('@azure/identity').then(({ DefaultAzureCredential }) => new DefaultAzureCredential());
      return (await credential).getToken(scopes, options);
    },
  };
}

function logTo(write: { info(text: string): void; warn(text: string): void; error(text: string): void }): Log {
  const line = (event: string, fields: LogFields = {}) => `${event} ${JSON.stringify(fields)}`;
  return {
    info: (event, fields) => write.info(line(event, fields)),
    warn: (event, fields) => write.warn(line(event, fields)),
    error: (event, fields) => write.error(line(event, fields)),
  };
}

function readOnce(): { readonly settings?: Settings; readonly error?: SettingsError } {
  try {
    return { settings: readSettings(process.env) };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    // The timer may be a day away.
    for (const problem of error.problems) processLog.error('settings.refused', { problem });
    return { error };
  }
}

/**
 * Outside an invocation there is only the console. The host grades its lines by their words: those with `warn` as warnings, those with
 * `error` as errors, all others as information (seen in the host's source).
 */
const processLog = logTo({
  /* oxlint-disable no-console */
  info: (text) => console.info(text),
  warn: (text) => console.warn(`warning ${text}`),
  error: (text) => console.error(`error ${text}`),
  /* oxlint-enable no-console */
});

const read = readOnce();

/**
 * Settings of this process; undefined where they are bad. Then only the timer is registered, and every start of it fails with the list
 * of the bad ones: an error thrown here would make the host show an app without functions, and a queue function would use up its tries.
 */
export const settings: Settings | undefined = read.settings;

let archiver: Pipeline | undefined;

/**
 * The pipeline of this process, speaking to the log of one invocation.
 *
 * @throws SettingsError
 */
export function pipelineFor(context: InvocationContext): Pipeline {
  if (read.settings === undefined) throw read.error ?? new Error('The settings were not read.');
  archiver ??= createArchiver(read.settings, { log: processLog, now: () => new Date(), identity });
  return { ...archiver, log: logTo(context) };
}
