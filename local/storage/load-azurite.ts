/**
 * Loads the parts of the npm package `azurite` that serve blobs, queues and tables, and nothing else of it.
 *
 * Measured on 2 cores: the package's own program is ready after 900 ms, of which 600 ms load `applicationinsights` for Azurite's telemetry.
 * Without telemetry, and with Node's compile cache, the same servers are ready after 210 ms. Tests start Azurite often.
 *
 * @module
 */
import { createRequire, enableCompileCache, registerHooks } from 'node:module';
import type { Server } from 'node:http';

/** One of Azurite's three servers. */
export interface AzuriteServer {
  readonly httpServer: Server;
  start(): Promise<void>;
  /** Stops listening and saves what is held in memory to the folder, if there is one. */
  close(): Promise<void>;
}

/** The servers, and the account that Azurite knows by default. */
export interface AzuriteServers {
  blob: AzuriteServer;
  queue: AzuriteServer;
  table: AzuriteServer;
  accountName: string;
  accountKey: string;
}

type Class = new (...args: unknown[]) => object;

const HOST = '127.0.0.1';
/** Seconds that an unused connection stays open. Azurite's own 5 s closes connections that the clients are just about to use again. */
const KEEP_ALIVE_SECONDS = 120;

/**
 * Makes the three servers, each for a free port of 127.0.0.1.
 *
 * @param folder - Where data is kept, with Azurite's own file names; absent: in memory.
 */
export function loadAzurite(folder: string | undefined): AzuriteServers {
  enableCompileCache();
  leaveOutTelemetry();
  const require = createRequire(import.meta.url);
  const load = (path: string): unknown => require(`azurite/dist/src/${path}.js`);
  const loadClass = (path: string): Class => (load(path) as { default: Class }).default;
  const { EMULATOR_ACCOUNT_NAME, EMULATOR_ACCOUNT_KEY_STR } = load('blob/utils/constants') as Record<string, string>;

  const at = (name: string): string => `${folder ?? '.'}/${name}`;
  const extents = (name: string): object[] => [{ locationId: 'Default', locationPath: at(name), maxConcurrency: 50 }];
  const inMemory = folder === undefined;
  // The constructors take their settings by position. After the paths: access log, its stream, debug log, its file, loose, skipApiVersionCheck.
  const noLogs = [false, undefined, false, undefined];
  // Not loose; the check of the API version is off, because @azure/storage-blob 12.34 asks for 2026-10-06 and Azurite 3.37 ends at 2026-06-06.
  const checks = [false, true];
  const noCertificate = ['', '', ''];
  const tail = [...checks, ...noCertificate, undefined, false, inMemory];
  const start = [HOST, 0, KEEP_ALIVE_SECONDS];

  const make = (kind: string, settings: unknown[]): AzuriteServer => {
    const area = kind.toLowerCase();
    const configuration = new (loadClass(`${area}/${kind}Configuration`))(...start, ...settings, ...tail);
    return new (loadClass(`${area}/${kind}Server`))(configuration) as AzuriteServer;
  };
  return {
    blob: make('Blob', [at('__azurite_db_blob__.json'), at('__azurite_db_blob_extent__.json'), extents('__blobstorage__'), ...noLogs]),
    queue: make('Queue', [at('__azurite_db_queue__.json'), at('__azurite_db_queue_extent__.json'), extents('__queuestorage__'), ...noLogs]),
    // The table server has no extents, and its debug log comes before its access log.
    table: make('Table', [at('__azurite_db_table__.json'), ...noLogs]),
    accountName: EMULATOR_ACCOUNT_NAME ?? '',
    accountKey: EMULATOR_ACCOUNT_KEY_STR ?? '',
  };
}

function leaveOutTelemetry(): void {
  const url = 'azurite-telemetry:left-out';
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'applicationinsights' ? { url, format: 'commonjs', shortCircuit: true } : next(specifier, context),
    load: (loaded, context, next) =>
      loaded === url ? { format: 'commonjs', source: 'module.exports = {};', shortCircuit: true } : next(loaded, context),
  });
}
