/**
 * Starts a functions host in a process of its own and gives commands to it.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import { forkChild } from '../processes/fork-child.ts';
import type { ChildEnd } from '../processes/fork-child.ts';
import type { HostFunction } from './host-events.ts';
import type { HostArguments, HostCommand, HostMessage } from './host-messages.ts';
import type { HostOptions } from './start-host.ts';

/** Settings of {@link startHostProcess}; times in ms. */
export interface HostProcessOptions extends Pick<
  HostOptions,
  'entry' | 'hostJson' | 'leaseMs' | 'maxPollingIntervalMs' | 'runTimers' | 'onEvent'
> {
  /**
   * The app settings, `AzureWebJobsStorage` with a connection string among them. Of this process's own environment the app sees only a few variables of
   * the machine, PATH and the like.
   */
  environment: Readonly<Record<string, string>>;
  /** Gets each line that the host or the app prints. */
  onLine?: (line: string) => void;
  /** Told when the process ends without having been asked to, for example for an unhandled rejection in the app. */
  onUnexpectedEnd: (error: Error) => void;
  /** How long a stopping host waits for what is under way. @default 12000, about what the real host gives after SIGTERM */
  graceMs?: number;
}

/** A running host process. */
export interface HostProcess {
  readonly pid: number;
  readonly functions: readonly HostFunction[];
  readonly httpUrl: string | undefined;
  /**
   * Runs a timer function and waits for its end.
   *
   * @throws Error with the message of what the function threw, or that the process has ended.
   */
  trigger(name: string, options?: { isPastDue?: boolean }): Promise<void>;
  /**
   * Resolves when every queue that is listened to is empty, of delayed messages too, and nothing is under way.
   *
   * @throws Error when the process ends before.
   */
  drain(): Promise<void>;
  /** Lets what is under way end, for the grace, and ends the process. @returns whether everything had ended. */
  stop(): Promise<{ finished: boolean }>;
  /** Kills the process at once. Messages that it was processing come back after their lease. */
  kill(): Promise<void>;
  readonly ended: Promise<ChildEnd>;
}

/** Time for the process to end after its grace, in ms, before it is killed. */
const END_MS = 3_000;

/**
 * Starts the process and waits until the app is loaded and its triggers run.
 *
 * @throws Error with the process's last lines when the app cannot be loaded.
 */
export async function startHostProcess(options: HostProcessOptions): Promise<HostProcess> {
  const { environment, onEvent, onLine, graceMs = 12_000 } = options;
  if (!environment['AzureWebJobsStorage']) {
    throw new Error('the environment of the functions host has no AzureWebJobsStorage; set it to the connection string of its storage');
  }
  const given: HostArguments = {
    entry: options.entry,
    hostJson: options.hostJson,
    ...(options.leaseMs !== undefined && { leaseMs: options.leaseMs }),
    ...(options.maxPollingIntervalMs !== undefined && { maxPollingIntervalMs: options.maxPollingIntervalMs }),
    ...(options.runTimers !== undefined && { runTimers: options.runTimers }),
    graceMs,
  };
  type Ready = Extract<HostMessage, { kind: 'ready' }>;
  let onReady: ((message: Ready) => void) | undefined;
  let onFailedStart: ((error: Error) => void) | undefined;
  const ready = new Promise<Ready>((resolve, reject) => {
    onReady = resolve;
    onFailedStart = reject;
  });
  const pending = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  let lastId = 0;
  let isReady = false;

  const child = forkChild(fileURLToPath(import.meta.resolve('./main.ts')), {
    name: 'the functions host',
    args: [JSON.stringify(given)],
    env: environment,
    ...(onLine && { onLine }),
    onMessage(received) {
      const message = received as HostMessage;
      switch (message.kind) {
        case 'ready':
          isReady = true;
          onReady?.(message);
          break;
        case 'event':
          onEvent?.(message.event);
          break;
        case 'answer': {
          const waiter = pending.get(message.id);
          pending.delete(message.id);
          if (message.error === undefined) {
            waiter?.resolve();
          } else {
            waiter?.reject(new Error(message.error));
          }
        }
      }
    },
    onUnexpectedEnd: (error) => (isReady ? options.onUnexpectedEnd(error) : onFailedStart?.(error)),
  });
  void child.ended.then(() => {
    pending.forEach(({ reject }) => reject(new Error('the functions host has ended')));
    pending.clear();
    onFailedStart?.(new Error('the functions host was stopped before it was ready'));
  });

  function ask(command: { kind: 'trigger'; name: string; isPastDue: boolean } | { kind: 'drain' }): Promise<void> {
    return new Promise((resolve, reject) => {
      lastId += 1;
      child.send({ ...command, id: lastId } satisfies HostCommand);
      pending.set(lastId, { resolve, reject });
    });
  }

  const { functions, httpUrl } = await ready;
  return {
    pid: child.pid,
    functions,
    httpUrl,
    trigger: (name, { isPastDue = false } = {}) => ask({ kind: 'trigger', name, isPastDue }),
    drain: () => ask({ kind: 'drain' }),
    async stop() {
      const end = await child.stop(graceMs + END_MS);
      return { finished: end.code === 0 };
    },
    async kill() {
      await child.kill();
    },
    ended: child.ended,
  };
}
