/**
 * Starts Azurite, the storage emulator, as a child process of ours on free ports.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import { forkChild } from '../processes/fork-child.ts';

/** The emulator's well-known account. Source: Microsoft, "Use the Azurite emulator". */
const EMULATOR_ACCOUNT_NAME = 'devstoreaccount1';
const EMULATOR_ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Requests by service. */
export type AzuriteRequests = Readonly<Record<'blob' | 'queue' | 'table', number>>;

/** A running Azurite. */
export interface Azurite {
  /** For the Azure Storage clients: blobs, queues and tables. */
  readonly connectionString: string;
  /** The same for account `index` of {@link AzuriteOptions.accounts}; each account has blobs, queues and tables of its own. */
  connectionStringOf(index: number): string;
  readonly pid: number;
  /** Requests answered so far, by service; for benchmarks. */
  requests(): Promise<AzuriteRequests>;
  /** Saves to the folder, if there is one, and ends the process. */
  stop(): Promise<void>;
}

/** Settings of {@link startAzurite}. */
export interface AzuriteOptions {
  /** Keeps the data in this folder, which is created; absent: in memory, gone at the end. */
  folder?: string;
  /** How many more accounts there are, for tests that use the same names side by side. @default 0 */
  accounts?: number;
  /** False prints what Azurite prints. @default true */
  quiet?: boolean;
  /** Told when Azurite dies by itself. @default prints the error and ends this process, since nothing works without storage */
  onUnexpectedEnd?: (error: Error) => void;
}

/**
 * Starts Azurite with all three services on free ports of 127.0.0.1, without telemetry and without logs.
 *
 * @returns when all three answer.
 * @throws Error with Azurite's last lines when it does not start.
 */
export async function startAzurite(options: AzuriteOptions = {}): Promise<Azurite> {
  let isReady = false;
  let counted: ((requests: AzuriteRequests) => void) | undefined;
  let started: (connectionString: string) => void;
  let failed: (error: Error) => void;
  const ready = new Promise<string>((resolve, reject) => {
    started = resolve;
    failed = reject;
  });
  const child = forkChild(fileURLToPath(import.meta.resolve('./azurite-process.ts')), {
    name: 'Azurite',
    args: options.folder === undefined ? [] : [options.folder],
    ...(options.accounts !== undefined && { env: { AZURITE_ACCOUNTS: accountList(options.accounts) } }),
    onLine: (line) => {
      if (options.quiet === false) {
        console.log(line);
      }
    },
    onMessage: (message) => {
      if (hasRequests(message)) {
        counted?.(message.requests);
        return;
      }
      isReady = true;
      started((message as { connectionString: string }).connectionString);
    },
    onUnexpectedEnd: (error) => {
      if (isReady) {
        (options.onUnexpectedEnd ?? endWithoutStorage)(error);
      } else {
        failed(error);
      }
    },
  });
  const connectionString = await ready;
  return {
    connectionString,
    connectionStringOf: (index) => connectionString.replaceAll(EMULATOR_ACCOUNT_NAME, accountName(index)),
    pid: child.pid,
    requests: () =>
      new Promise((resolve) => {
        counted = resolve;
        child.send({ kind: 'requests' });
      }),
    async stop() {
      const end = await child.stop();
      if (end.code !== 0) {
        throw new Error(`Azurite did not save its data in order (${end.signal ?? `exit code ${String(end.code)}`})`);
      }
    },
  };
}

function hasRequests(message: unknown): message is { requests: AzuriteRequests } {
  return typeof message === 'object' && message !== null && 'requests' in message;
}

/** Azurite knows its own account only as long as no list is given, so the list starts with it. Further accounts take its key, which is public. */
function accountList(accounts: number): string {
  const names = [EMULATOR_ACCOUNT_NAME, ...Array.from({ length: accounts }, (_, index) => accountName(index))];
  return names.map((name) => `${name}:${EMULATOR_ACCOUNT_KEY}`).join(';');
}

function accountName(index: number): string {
  return `account${String(index).padStart(5, '0')}`;
}

function endWithoutStorage(error: Error): void {
  console.error(error.message);
  process.exit(1);
}
