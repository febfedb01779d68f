/**
 * Starts sending telemetry to Application Insights, where the settings name one.
 *
 * @module
 */
import type { TokenCredential } from '@azure/identity';
import { scrubLogs, scrubMetrics, scrubSpans } from './scrub-telemetry.ts';

/** Settings of the platform, not of this app: Azure's tools set and read them under these names. */
interface Environment {
  readonly APPLICATIONINSIGHTS_CONNECTION_STRING?: string | undefined;
  readonly APPLICATIONINSIGHTS_AUTHENTICATION_STRING?: string | undefined;
}

/**
 * Reads `ClientId=<id>;Authorization=AAD`.
 *
 * @returns the client id of the identity, or undefined for the app's own one; null where sign-in is not asked for.
 * @throws Error where the text says something else.
 */
function readAuthentication(text: string | undefined): { readonly clientId: string | undefined } | null {
  if (text === undefined || text === '') return null;
  const parts = new Map(
    text
      .split(';')
      .filter((part) => part.trim() !== '')
      .map((part) => {
        const [name = '', value = ''] = part.split('=', 2);
        return [name.trim().toLowerCase(), value.trim()];
      }),
  );
  if (parts.get('authorization')?.toUpperCase() !== 'AAD' || parts.get('clientid') === '') {
    throw new Error('APPLICATIONINSIGHTS_AUTHENTICATION_STRING: expected ClientId=<id of the managed identity>;Authorization=AAD');
  }
  return { clientId: parts.get('clientid') };
}

async function credentialOf(text: string | undefined): Promise<TokenCredential | undefined> {
  const authentication = readAuthentication(text);
  if (authentication === null) return undefined;
  const { ManagedIdentityCredential } = await import('@azure/identity');
  return authentication.clientId === undefined
    ? new ManagedIdentityCredential()
    : new ManagedIdentityCredential({ clientId: authentication.clientId });
}

/**
 * Starts the SDK. Without APPLICATIONINSIGHTS_CONNECTION_STRING nothing is loaded, which saves 335 ms of every start.
 *
 * Nothing is sampled here but by `limit-traces.ts`; metrics, which the alerts read, never are.
 *
 * @returns stops the SDK after sending what is gathered; undefined where nothing was started.
 * @throws Error where a setting cannot be used. The caller says so in the log and goes on: archiving does not need telemetry.
 */
export async function startTelemetry(environment: Environment = process.env): Promise<(() => Promise<void>) | undefined> {
  const connectionString = environment.APPLICATIONINSIGHTS_CONNECTION_STRING;
  if (connectionString === undefined || connectionString === '') return undefined;
  const credential = await credentialOf(environment.APPLICATIONINSIGHTS_AUTHENTICATION_STRING);
  // There is no option for these. No statistics of the SDK about itself, to Microsoft or to the workspace, and no description of the machine with every batch.
  process.env['APPLICATION_INSIGHTS_NO_STATSBEAT'] ??= 'true';
  process.env['APPLICATIONINSIGHTS_SDKSTATS_DISABLED'] ??= 'true';
  process.env['APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED'] ??= 'true';
  // A file or setting would overrule the options below. Besides, the package looks for its file beside a path that a bundle does not have.
  process.env['APPLICATIONINSIGHTS_CONFIGURATION_CONTENT'] = '{}';
  // It is CommonJS: of the bundled chunk only the default export exists.
  const { useAzureMonitor, shutdownAzureMonitor } = (await import('applicationinsights')).default;
  const off = { enabled: false };
  useAzureMonitor({
    azureMonitorExporterOptions: { connectionString, ...(credential === undefined ? {} : { credential }) },
    // Its default is 5 traces a second, and a run is one trace: most runs would be missing. 0 means that the ratio counts.
    tracesPerSecond: 0,
    samplingRatio: 1,
    enableTraceBasedSamplingForLogs: false,
    enableLiveMetrics: false,
    enableStandardMetrics: false,
    enablePerformanceCounters: false,
    // They carry messages and stacks, and end the process by a rule of their own.
    enableAutoCollectExceptions: false,
    // URLs of Graph hold addresses, and bundled code escapes most of these anyway: the app makes its spans itself.
    instrumentationOptions: {
      http: off,
      azureSdk: off,
      mongoDb: off,
      mySql: off,
      postgreSql: off,
      redis: off,
      redis4: off,
      bunyan: off,
      winston: off,
      console: off,
    },
    spanProcessors: [scrubSpans],
    logRecordProcessors: [scrubLogs],
    views: [scrubMetrics],
  });
  return shutdownAzureMonitor;
}
