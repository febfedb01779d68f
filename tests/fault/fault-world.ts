/**
 * A world whose app instances stand behind fault proxies, with a host that does to queues and processes what Azure can do to them.
 *
 * @module
 */
import { createArchiver } from '../../shared/archiver.ts';
import { readSettings } from '../../shared/config.ts';
import { limits } from '../../shared/limits.ts';
import { downloadItem } from '../../shared/pipeline/download-item.ts';
import { drainPoison } from '../../shared/pipeline/drain-poison.ts';
import { importItem } from '../../shared/pipeline/import-item.ts';
import { readDownloadMessage, readImportMessage } from '../../shared/pipeline/messages.ts';
import type { LogFields, Pipeline } from '../../shared/pipeline/pipeline.ts';
import { runStep } from '../../shared/pipeline/run-step.ts';
import { isConflict, isMissing, storageStatus } from '../../shared/storage/storage-errors.ts';
import { queueNames } from '../../shared/storage/storage.ts';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { makeWorld, type World } from '../support/world.ts';
import { startFaultProxy, type DelayedMessage, type Fault, type FaultProxy, type Step } from './fault-proxy.ts';
import { MAX_ITEM_BYTES } from './make-items.ts';

/** Queues that the app works through. */
export const workQueues = ['download', 'import'] as const;
/** One of {@link workQueues}. */
export type WorkQueue = (typeof workQueues)[number];

/** What the host and its machines are like. */
export interface HostOptions {
  /** Clock of each instance against the world's, in ms; as many instances as there are entries. */
  readonly clocks: readonly number[];
  readonly maxDequeueCount: number;
  /** Every so many messages: delivered to two instances at once; and not deleted, because its pop receipt is stale. 0 = never. */
  readonly duplicateEvery: number;
  readonly staleEvery: number;
  readonly plan: (step: Step) => Fault | undefined;
}

/** An app instance, as long as it lives. */
interface Instance {
  readonly pipeline: Pipeline;
  readonly proxy: FaultProxy;
}

/** A world with faults. */
export interface FaultWorld {
  readonly world: World;
  /** What the instances logged, and what the host did. */
  readonly log: readonly string[];
  /** Does something on one instance, as a timer or an operator would: what it throws is logged. */
  on(instance: number, work: (pipeline: Pipeline) => Promise<unknown>): Promise<void>;
  /** Receives what is visible in both queues and has it handled. @returns whether there was anything. */
  pump(): Promise<boolean>;
  /** Pumps until the queues are empty; delays pass at once. @throws Error where they never get empty */
  work(): Promise<void>;
  /** Time passes while nothing is under way: more of it than a lease lasts. */
  pass(ms: number): Promise<void>;
  /** Kills an instance between two requests and starts another in its place. */
  replace(instance: number): Promise<void>;
  /** The clocks of all instances jump, and go on from there; TeleMessage and storage keep the true time. */
  jump(ms: number): void;
  /** The clocks are right again. */
  setClock(): void;
  /** @returns whether there was anything in it. */
  purge(queue: WorkQueue): Promise<boolean>;
  close(): Promise<void>;
}

const ROUNDS = 2_000;
const MOST_DUPLICATES = 8;
const LEASE = 'locks/enterprise-number';

/** Makes the world and its first instances. */
export async function makeFaultWorld(storage: Azurite, options: HostOptions): Promise<FaultWorld> {
  const world = await makeWorld({ storage, startsAt: '2026-11-23T23:58:00Z' });
  const log: string[] = [];
  const note = (line: string) => log.push(`${world.now().toISOString()} ${line}`);
  const host = world.pipeline.storage;
  let delayed: (DelayedMessage & { readonly due: number })[] = [];
  const poison: { readonly queue: WorkQueue; readonly message: unknown }[] = [];
  const retired: FaultProxy[] = [];
  let wrongBy = 0;

  const start = async (index: number): Promise<Instance> => {
    const proxy = await startFaultProxy({
      connectionString: world.connectionString,
      graphUrl: world.graph.baseUrl,
      teleMessageUrl: world.teleMessage.baseUrl.href,
      plan: (step) => {
        const fault = options.plan(step);
        if (fault !== undefined) note(`instance ${index}: ${step.name}: ${JSON.stringify(fault)}`);
        return fault;
      },
      onDelayed: (message) => delayed.push({ ...message, due: world.now().getTime() + message.delayMs }),
    });
    const write =
      (level: string) =>
      (event: string, fields: LogFields = {}) => {
        note(`instance ${index}: ${level} ${event} ${JSON.stringify(fields)}`);
      };
    const pipeline = createArchiver(
      readSettings({
        ...proxy.settings,
        TELEMESSAGE_USERNAME: 'user',
        TELEMESSAGE_PASSWORD: 'pass',
        GRAPH_AUTH: 'none',
        VERIFY_SHARE: '1',
        MAX_ITEM_BYTES: String(MAX_ITEM_BYTES),
      }),
      {
        log: { info: write('info'), warn: write('warn'), error: write('error') },
        now: () => new Date(world.now().getTime() + wrongBy + (options.clocks[index] ?? 0)),
        identity: () => {
          throw new Error('tests have no identity');
        },
      },
    );
    return { pipeline, proxy };
  };
  const begun = await Promise.allSettled(options.clocks.map((_, index) => start(index)));
  const instances = begun.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = begun.find((one) => one.status === 'rejected');
  if (failed !== undefined) {
    await Promise.all([...instances.map(({ proxy }) => proxy.close()), world.close()]);
    throw failed.reason;
  }
  let turn = 0;
  let duplicates = 0;
  let stale = 0;

  /** What Azure does by itself 15 s after the death of the holder, or after an acquire whose answer was lost. */
  const endLease = async (): Promise<void> => {
    try {
      await host.containers.reports.getBlobClient(LEASE).getBlobLeaseClient().breakLease(0);
    } catch (error) {
      if (!isMissing(error) && !isConflict(error)) throw error;
    }
  };

  const replace = async (index: number): Promise<void> => {
    const instance = instances[index];
    if (instance === undefined) return;
    instance.proxy.cutOff();
    await instance.proxy.idle();
    retired.push(instance.proxy);
    note(`instance ${index}: killed, and started again`);
    instances[index] = await start(index);
    await endLease();
  };

  const on = async (index: number, work: (pipeline: Pipeline) => Promise<unknown>): Promise<void> => {
    const number = index % instances.length;
    const instance = instances[number];
    if (instance === undefined) return;
    try {
      await work(instance.pipeline);
    } catch (error) {
      note(`instance ${number}: threw ${error instanceof Error ? error.message : String(error)}`);
    }
    if (instance.proxy.crashed && instances[number] === instance) await replace(number);
  };

  /** @returns whether the message is done with, as the host of this instance sees it. */
  const handle = async (index: number, queue: WorkQueue, message: unknown): Promise<boolean> => {
    const instance = instances[index % instances.length];
    if (instance === undefined) return false;
    const { pipeline, proxy } = instance;
    const { queues } = pipeline.storage;
    try {
      if (queue === 'download') await runStep(pipeline, 'item.download', queues.download, readDownloadMessage(message), downloadItem);
      else await runStep(pipeline, 'item.import', queues.import, readImportMessage(message), importItem);
      return !proxy.crashed;
    } catch (error) {
      note(`instance ${index % instances.length}: threw ${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  };

  const gone = (error: unknown) => {
    // Purged, or received by somebody else: not ours any more.
    if (![400, 404].includes(storageStatus(error) ?? 0)) throw error;
  };

  const pumpQueue = async (queue: WorkQueue): Promise<boolean> => {
    const client = host.queues[queue];
    const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 16, visibilityTimeout: 86_400 });
    await Promise.all(
      receivedMessageItems.map(async ({ messageId, popReceipt, messageText, dequeueCount }) => {
        const message: unknown = JSON.parse(Buffer.from(messageText, 'base64').toString());
        turn += 1;
        const number = turn;
        // Each may be sent on twice in its turn: without an end they would flood the queues.
        const isDuplicated = duplicates < MOST_DUPLICATES && options.duplicateEvery > 0 && number % options.duplicateEvery === 0;
        if (isDuplicated) duplicates += 1;
        if (isDuplicated) note(`host: a message of ${queue} is delivered twice`);
        const [done] = await Promise.all([handle(number, queue, message), ...(isDuplicated ? [handle(number + 1, queue, message)] : [])]);
        if (!done && dequeueCount < options.maxDequeueCount) {
          await client.updateMessage(messageId, popReceipt, messageText, 0).catch(gone);
          return;
        }
        if (!done) poison.push({ queue, message });
        if (done && stale < MOST_DUPLICATES && options.staleEvery > 0 && number % options.staleEvery === 0) {
          stale += 1;
          note(`host: a message of ${queue} is not deleted: its pop receipt is stale`);
          await client.updateMessage(messageId, popReceipt, messageText, 0).catch(gone);
        }
        await client.deleteMessage(messageId, popReceipt).catch(gone);
      }),
    );
    return receivedMessageItems.length > 0;
  };

  const drainPoisonQueues = async (): Promise<void> => {
    for (const entry of poison.splice(0)) {
      let done = false;
      await on(turn, async (pipeline) => {
        await drainPoison(
          pipeline,
          queueNames[entry.queue],
          entry.message,
          entry.queue === 'download' ? readDownloadMessage : readImportMessage,
        );
        done = true;
      });
      // A poison queue has no poison queue: the message comes back until it is taken.
      if (!done) poison.push(entry);
    }
  };

  let closed = false;
  const pump = async (): Promise<boolean> => {
    if (closed) throw new Error('The world is closed.');
    const [download, imported] = await Promise.all(workQueues.map(pumpQueue));
    for (const [index, { proxy }] of instances.entries()) {
      if (proxy.crashed) await replace(index);
    }
    const poisoned = poison.length > 0;
    await drainPoisonQueues();
    return download === true || imported === true || poisoned;
  };

  /** Time passes until the next delayed message is visible. @returns false where there is none. */
  const wait = async (): Promise<boolean> => {
    if (delayed.length === 0) return false;
    // A request of an attempt that was given up could otherwise take effect later than the app reckons with.
    await Promise.all([...instances.map(({ proxy }) => proxy.idle()), ...retired.map((proxy) => proxy.idle())]);
    const until = Math.min(...delayed.map(({ due }) => due));
    world.advance(Math.max(0, until - world.now().getTime()));
    const due = delayed.filter((message) => message.due <= world.now().getTime());
    delayed = delayed.filter((message) => message.due > world.now().getTime());
    for (const { queue, messageId, popReceipt } of due) {
      const client = Object.values(host.queues).find(({ name }) => name === queue);
      await client?.updateMessage(messageId, popReceipt, undefined, 0).catch(gone);
    }
    return true;
  };

  return {
    world,
    log,
    on,
    pump,
    async work() {
      for (let round = 0; round < ROUNDS; round += 1) {
        if (!(await pump()) && !(await wait())) return;
      }
      throw new Error(`The queues are not empty after ${ROUNDS} rounds.`);
    },
    async pass(ms) {
      world.advance(ms);
      await endLease();
    },
    replace,
    jump(ms) {
      note(`the clock of the app jumps by ${ms} ms`);
      wrongBy += ms;
    },
    setClock() {
      wrongBy = 0;
    },
    async purge(queue) {
      note(`host: ${queueNames[queue]} is purged`);
      const { approximateMessagesCount = 0 } = await host.queues[queue].getProperties();
      await host.queues[queue].clearMessages();
      const left = delayed.filter((message) => message.queue !== queueNames[queue]);
      const hadAny = approximateMessagesCount > 0 || left.length < delayed.length;
      delayed = left;
      return hadAny;
    },
    async close() {
      closed = true;
      await Promise.all([...instances.map(({ proxy }) => proxy.close()), ...retired.map((proxy) => proxy.close())]);
      await world.close();
    },
  };
}

/** How long the sweep leaves an item alone, and a little more, in ms. */
export const STALE_MS = limits.staleItemMs + 60_000;
