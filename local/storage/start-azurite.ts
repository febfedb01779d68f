/**
 * Starts Azurite, the storage emulator, as a child process of ours on free ports.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import { forkChild } from '../processes/fork-child.ts';

/** A running Azurite. */
export interface Azurite {
  /** For the Azure Storage clients: blobs, queues and tables. */
  readonly connectionString: string;
  readonly pid: number;
  /** Saves to the folder, if there is one, and ends the process. */
  stop(): Promise<void>;
}

/** Settings of {@link startAzurite}. */
export interface AzuriteOptions {
  /** Keeps the data in this folder, which is created; absent: in memory, gone at the end. */
  folder?: string;
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
  let started: (connectionString: string) => void;
  let failed: (error: Error) => void;
  const ready = new Promise<string>((resolve, reject) => {
    started = resolve;
    failed = reject;
  });
  const child = forkChild(fileURLToPath(import.meta.resolve('./azurite-process.ts')), {
    name: 'Azurite',
    args: options.folder === undefined ? [] : [options.folder],
    onLine: (line) => {
      if (options.quiet === false) {
        console.log(line);
      }
    },
    onMessage: (message) => {
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
    pid: child.pid,
    async stop() {
      const end = await child.stop();
      if (end.code !== 0) {
        throw new Error(`Azurite did not save its data in order (${end.signal ?? `exit code ${String(end.code)}`})`);
      }
    },
  };
}

function endWithoutStorage(error: Error): void {
  console.error(error.message);
  process.exit(1);
}
