/**
 * The local functions host: loads the app into this process and drives its triggers with the rules of the real host.
 *
 * One host a process, because `@azure/functions` keeps its state in its module and the app reads `process.env`; `startHostProcess` gives a host a process
 * of its own.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QueueServiceClient } from '@azure/storage-queue';
import { createActivity } from './activity.ts';
import { createAppRegistry } from './app-registry.ts';
import type { InvocationRequest, InvocationResponse, TypedData } from './core-types.ts';
import type { HostEvent, HostFunction } from './host-events.ts';
import { readHostSettings } from './host-settings.ts';
import { startHttpFront } from './http-front.ts';
import { invokeFunction, runAppHooks } from './invoke-function.ts';
import { listenToQueue } from './listen-to-queue.ts';
import type { QueueListener } from './listen-to-queue.ts';
import { readTriggers } from './read-triggers.ts';
import type { QueueTriggerInfo, Trigger } from './read-triggers.ts';
import { startTimers } from './run-timers.ts';
import { supplyCoreModule } from './supply-core-module.ts';
import { waitUntilDrained } from './wait-until-drained.ts';

/** Settings of {@link startHost}; times in ms. */
export interface HostOptions {
  /** Path of the module that registers the functions: the built bundle, or a `.ts` file. */
  entry: string;
  /** The parsed host.json. */
  hostJson: unknown;
  /** The app settings. They are put into `process.env`. */
  environment: Readonly<Record<string, string>>;
  /** Where `AzureWebJobsStorage` is; also becomes that setting when the environment has none. */
  connectionString: string;
  /** How long a received message is hidden from others. @default 600000, as in the real host; shorter, the messages of a killed host come back sooner */
  leaseMs?: number;
  /** Longest time between two polls of an empty queue. @default `maxPollingInterval` of host.json, but at most 250 */
  maxPollingIntervalMs?: number;
  /** Whether timers also run by their schedules. @default false */
  runTimers?: boolean;
  /** Gets the log, a line at a time. @default standard output */
  log?: (line: string) => void;
  onEvent?: (event: HostEvent) => void;
}

/** A running host. */
export interface FunctionsHost {
  readonly functions: readonly HostFunction[];
  /** Where HTTP functions are, prefix included, for example `http://127.0.0.1:41234/api`; undefined when the app has none. */
  readonly httpUrl: string | undefined;
  /**
   * Runs a timer function now.
   *
   * @throws Error when there is no such timer, and whatever the function throws.
   */
  trigger(name: string, options?: { isPastDue?: boolean }): Promise<void>;
  /**
   * Resolves when nothing is under way and every queue that is listened to is empty, of delayed messages too. It may never resolve: a message that a poison
   * queue's function fails on comes back without end.
   *
   * @throws Error when the host is stopped meanwhile.
   */
  drain(): Promise<void>;
  /**
   * Takes no more work and waits for what is under way.
   *
   * @param graceMs - How long to wait. @default 12000, about what the real host gives after SIGTERM
   * @returns how many pieces of work were still under way at the end.
   */
  stop(graceMs?: number): Promise<{ unfinished: number }>;
}

const DEFAULT_LEASE_MS = 600_000;
const QUICK_POLLING_MS = 250;
const DEFAULT_GRACE_MS = 12_000;

/**
 * Loads the app and starts its triggers.
 *
 * @throws Error when host.json, the app or one of its triggers is not usable; nothing is left running then.
 */
export async function startHost(options: HostOptions): Promise<FunctionsHost> {
  const { connectionString, log = console.log, onEvent = () => {}, leaseMs = DEFAULT_LEASE_MS } = options;
  const environment: Record<string, string> = { AzureWebJobsStorage: connectionString, ...options.environment };
  const settings = readHostSettings(options.hostJson);
  const registry = createAppRegistry((line) => {
    const category = line.functionName === undefined ? 'Worker' : `Function.${line.functionName}${line.category === 'user' ? '.User' : ''}`;
    if (settings.isLogged(category, line.level)) {
      log(`${new Date().toISOString()} ${line.level} ${category}: ${line.message}`);
    }
  });
  supplyCoreModule(registry.coreModule);
  Object.assign(process.env, environment);

  const appFolder = dirname(options.entry);
  await import(pathToFileURL(options.entry).href);
  registry.close();
  const capabilities = (await registry.programmingModel().getCapabilities?.({})) ?? {};
  if ('HttpUri' in capabilities) {
    throw new Error('the app switches on enableHttpStream, which the local host does not support');
  }
  const triggers = readTriggers(registry.functions.values(), environment);
  const active = triggers.filter(({ disabled }) => !disabled);
  await runAppHooks(registry, 'appStart', appFolder);

  const activity = createActivity(() => onEvent({ kind: 'idle' }));
  const stopping = new AbortController();

  async function invoke(trigger: Trigger, data: TypedData, metadata: InvocationRequest['triggerMetadata'] = {}, dequeueCount?: number) {
    const about = { name: trigger.name, invocationId: randomUUID(), dequeueCount };
    onEvent({ kind: 'invocationStarted', ...about });
    const startedAt = performance.now();
    const ended = (error?: string): void => {
      onEvent({ kind: 'invocationEnded', ...about, ok: error === undefined, error, durationMs: performance.now() - startedAt });
    };
    let response: InvocationResponse;
    try {
      const inputData = [{ name: trigger.bindingName, data }];
      response = await invokeFunction(registry, trigger.fn, { invocationId: about.invocationId, inputData, triggerMetadata: metadata });
    } catch (error) {
      log(
        `${new Date().toISOString()} error Function.${trigger.name}: failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
      ended(error instanceof Error ? error.message : String(error));
      throw error;
    }
    ended();
    return response;
  }

  function listen(trigger: QueueTriggerInfo): QueueListener {
    const { queueName, connectionName, name } = trigger;
    const account = connectionName === 'AzureWebJobsStorage' ? connectionString : environment[connectionName];
    if (account === undefined) {
      throw new Error(`function ${name} uses the connection ${connectionName}, and there is no app setting of that name`);
    }
    const service = QueueServiceClient.fromConnectionString(account);
    return listenToQueue(
      {
        queue: service.getQueueClient(queueName),
        poisonQueue: queueName.endsWith('-poison') ? undefined : service.getQueueClient(`${queueName}-poison`),
        settings: settings.queues,
        leaseMs,
        invoke: (text, metadata, message) => invoke(trigger, { string: text }, metadata, message.dequeueCount),
        log: (line) => log(`${new Date().toISOString()} warning Host.Queues: ${line}`),
        onPoison: (messageId, reason) => onEvent({ kind: 'movedToPoison', queueName, messageId, reason }),
      },
      activity,
      options.maxPollingIntervalMs ?? Math.min(settings.queues.maxPollingIntervalMs, QUICK_POLLING_MS),
    );
  }

  const httpTriggers = active.filter((trigger) => trigger.type === 'http');
  const front =
    httpTriggers.length === 0
      ? undefined
      : await startHttpFront(
          httpTriggers,
          settings.routePrefix,
          (trigger, http) => activity.during(() => invoke(trigger, { http })),
          (line) => log(`${new Date().toISOString()} warning Host.Http: ${line}`),
        );
  const timers = startTimers(
    triggers.filter((trigger) => trigger.type === 'timer'),
    options.runTimers ?? false,
    (trigger, data) => activity.during(() => invoke(trigger, data)),
    () => {}, // Decided: `invoke` has logged and reported it, and nobody waits for a scheduled run.
  );
  const listeners = active.filter((trigger) => trigger.type === 'queue').map(listen);

  return {
    functions: triggers.map(describeTrigger),
    httpUrl: front?.url,
    trigger: (name, { isPastDue = false } = {}) => timers.trigger(name, isPastDue),
    drain: () => waitUntilDrained(activity, listeners, stopping.signal),
    async stop(graceMs = DEFAULT_GRACE_MS) {
      stopping.abort();
      timers.stop();
      const finished = Promise.all([front?.stop(), activity.idle(), ...listeners.map((listener) => listener.stop())]);
      let deadline: NodeJS.Timeout | undefined;
      await Promise.race([finished, new Promise((resolve) => (deadline = setTimeout(resolve, graceMs)))]);
      clearTimeout(deadline);
      const unfinished = activity.underWay;
      await runAppHooks(registry, 'appTerminate', appFolder);
      return { unfinished };
    },
  };
}

function describeTrigger(trigger: Trigger): HostFunction {
  const { name, disabled } = trigger;
  switch (trigger.type) {
    case 'timer': {
      const next = trigger.schedule.nextAfter(new Date());
      return { name, disabled, type: 'timer', schedule: trigger.schedule.expression, next: next?.toISOString() ?? '' };
    }
    case 'queue':
      return { name, disabled, type: 'queue', queueName: trigger.queueName };
    case 'http':
      return { name, disabled, type: 'http', route: trigger.route.template, methods: trigger.methods, authLevel: trigger.authLevel };
  }
}
