/**
 * A whole archiver in one process for tests: the real pipeline, real Azurite, both simulators, and a clock that the test moves.
 *
 * @module
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueueClient } from '@azure/storage-queue';
import { createArchiver } from '../../shared/archiver.ts';
import { readSettings } from '../../shared/config.ts';
import { identityOf } from '../../shared/ledger/item-row.ts';
import { downloadItem } from '../../shared/pipeline/download-item.ts';
import { drainPoison } from '../../shared/pipeline/drain-poison.ts';
import { importItem } from '../../shared/pipeline/import-item.ts';
import { listDailyItems } from '../../shared/pipeline/list-daily-items.ts';
import { readDownloadMessage, readImportMessage, type ImportMessage } from '../../shared/pipeline/messages.ts';
import type { LogFields, Pipeline } from '../../shared/pipeline/pipeline.ts';
import { reportItems, type ItemReport } from '../../shared/pipeline/report-items.ts';
import { runStep } from '../../shared/pipeline/run-step.ts';
import { sweepRuns } from '../../shared/pipeline/sweep-runs.ts';
import { ensureStorage, queueNames } from '../../shared/storage/storage.ts';
import { startSimulatedGraph, type SimulatedGraph } from '../../local/graph/server.ts';
import type { SimulatedGraphOptions } from '../../local/graph/options.ts';
import { startAzurite, type Azurite } from '../../local/storage/start-azurite.ts';
import { startSimulatedTeleMessage, type SimulatedTeleMessage } from '../../local/telemessage/simulated-telemessage.ts';

/** As host.json says. */
const MAX_DEQUEUE_COUNT = 5;

/** Accounts of one Azurite, so that each world has queues and tables of its own under the names of the contract. */
const ACCOUNTS = 250;

/** The storage that the worlds of one test file share. */
export async function startStorage(): Promise<Azurite> {
  return startAzurite({ accounts: ACCOUNTS });
}

/** What a world starts with. */
export interface WorldOptions {
  readonly storage: Azurite;
  readonly settings?: Readonly<Record<string, string>>;
  readonly graph?: Partial<SimulatedGraphOptions>;
  /** Text of the mapping file. */
  readonly mapping?: string;
  readonly startsAt?: string;
}

/** A message as a mailbox holds it. */
export interface HeldMessage {
  readonly subject: string;
  readonly isDraft: boolean;
  readonly body: { readonly contentType: string; readonly content: string };
  readonly sentDateTime: string;
  readonly receivedDateTime: string;
  readonly from?: { readonly emailAddress: { readonly name?: string; readonly address?: string } };
  readonly sender?: { readonly emailAddress: { readonly name?: string; readonly address?: string } };
  readonly toRecipients: readonly { readonly emailAddress: { readonly name?: string; readonly address?: string } }[];
  readonly internetMessageId?: string;
  readonly singleValueExtendedProperties: readonly { readonly id: string; readonly value: string }[];
  readonly attachments: readonly { readonly name: string; readonly contentType: string; readonly file: string; readonly sha256: string }[];
}

/** A running world. */
export interface World {
  readonly pipeline: Pipeline;
  /** Of the account that is this world's own. */
  readonly connectionString: string;
  readonly teleMessage: SimulatedTeleMessage;
  readonly graph: SimulatedGraph;
  readonly log: readonly string[];
  now(): Date;
  advance(ms: number): void;
  /** A pipeline over the same storage and simulators with nothing remembered, as after a restart. */
  restart(settings?: Readonly<Record<string, string>>): Pipeline;
  add(id: string, eml: string | Buffer): void;
  /** The daily timer. */
  list(): Promise<boolean>;
  /** Transfers one item that is listed. @returns the message of its import. */
  download(id: string): Promise<ImportMessage>;
  /** The ten-minute timer. */
  sweep(): Promise<void>;
  /** Works through the queues as the host does until they are empty; delays pass at once. */
  work(): Promise<void>;
  /** All three: list, work, sweep. */
  day(): Promise<void>;
  report(): Promise<ItemReport[]>;
  outcome(id: string): Promise<ItemReport>;
  /** What a mailbox holds in a folder, in order of creation. */
  mailbox(address: string, folder?: string): Promise<HeldMessage[]>;
  folders(address: string): Promise<string[]>;
  /** How many messages wait in a queue. */
  depth(queue: keyof typeof queueNames): Promise<number>;
  close(): Promise<void>;
}

/** Users of every world. */
export const people = ['ada', 'ben', 'chen', 'dana', 'eve'].map((name) => ({
  userPrincipalName: `${name}@contoso.example`,
  mail: `${name}@contoso.example`,
  proxyAddresses: [`SMTP:${name}@contoso.example`, `smtp:${name}.alias@contoso.example`],
  hasMailbox: true,
}));

const accountsUsed = new WeakMap<Azurite, number>();

interface Delayed {
  readonly due: number;
  send(): Promise<unknown>;
}

/** Makes a world. */
export async function makeWorld(options: WorldOptions): Promise<World> {
  const account = accountsUsed.get(options.storage) ?? 0;
  accountsUsed.set(options.storage, account + 1);
  const connectionString = options.storage.connectionStringOf(account);
  const folder = await mkdtemp(join(tmpdir(), 'archiver-world-'));
  const root = join(folder, 'mailboxes');
  let time = Date.parse(options.startsAt ?? '2026-11-23T01:30:00Z');
  const now = () => new Date(time);
  const [teleMessage, graph] = await Promise.all([
    startSimulatedTeleMessage({
      items: await mkdtemp(join(folder, 'items-')),
      archiver: options.settings?.['ARCHIVER'] ?? 'enterprise-number',
      username: 'user',
      password: 'pass',
      now,
    }),
    startSimulatedGraph({
      directory: [...people, { userPrincipalName: 'noone@contoso.example', mail: 'noone@contoso.example', hasMailbox: false }],
      root,
      ...options.graph,
    }),
  ]);
  const log: string[] = [];
  const write =
    (level: string) =>
    (event: string, fields: LogFields = {}) => {
      log.push(`${level} ${event} ${JSON.stringify(fields)}`);
    };
  let delayed: Delayed[] = [];

  /** Sends at once what the clock has reached, and keeps the rest: a test does not wait. */
  const withClock = (queue: QueueClient): QueueClient =>
    new Proxy(queue, {
      get(target, name) {
        if (name !== 'sendMessage') {
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        }
        return async (text: string, sendOptions: { visibilityTimeout?: number; messageTimeToLive?: number }) => {
          const { visibilityTimeout = 0, ...rest } = sendOptions;
          if (visibilityTimeout === 0) return target.sendMessage(text, rest);
          delayed.push({ due: time + visibilityTimeout * 1000, send: () => target.sendMessage(text, rest) });
          return { messageId: 'delayed', popReceipt: 'delayed' };
        };
      },
    });

  const restart = (settings: Readonly<Record<string, string>> = {}): Pipeline => {
    const made = createArchiver(
      readSettings({
        AzureWebJobsStorage: connectionString,
        TELEMESSAGE_BASE_URL: teleMessage.baseUrl.href,
        TELEMESSAGE_USERNAME: 'user',
        TELEMESSAGE_PASSWORD: 'pass',
        GRAPH_BASE_URL: graph.baseUrl,
        GRAPH_AUTH: 'none',
        VERIFY_SHARE: '1',
        ...options.settings,
        ...settings,
      }),
      {
        log: { info: write('info'), warn: write('warn'), error: write('error') },
        now,
        identity: () => {
          throw new Error('tests have no identity');
        },
      },
    );
    const queues = Object.fromEntries(
      Object.entries(made.storage.queues).map(([name, queue]) => [name, withClock(queue)]),
    ) as typeof made.storage.queues;
    return { ...made, storage: { ...made.storage, queues } };
  };
  const world = { pipeline: restart() };
  const close = async (): Promise<void> => {
    await Promise.all([teleMessage.close(), graph.close()]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ensureStorage(world.pipeline.storage);
  } catch (error) {
    // A server that is left open would keep the test process from ending.
    await close();
    throw error;
  }
  if (options.mapping !== undefined) {
    await world.pipeline.storage.containers.config
      .getBlockBlobClient('mapping.csv')
      .upload(options.mapping, Buffer.byteLength(options.mapping));
  }

  const handle = async (kind: 'download' | 'import', message: unknown): Promise<void> => {
    const { pipeline } = world;
    if (kind === 'download')
      await runStep(pipeline, 'item.download', pipeline.storage.queues.download, readDownloadMessage(message), downloadItem);
    else await runStep(pipeline, 'item.import', pipeline.storage.queues.import, readImportMessage(message), importItem);
  };

  /** @returns whether there was anything. */
  const pump = async (kind: 'download' | 'import'): Promise<boolean> => {
    const queue = world.pipeline.storage.queues[kind];
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 16, visibilityTimeout: 600 });
    await Promise.all(
      receivedMessageItems.map(async ({ messageId, popReceipt, messageText, dequeueCount }) => {
        const message: unknown = JSON.parse(Buffer.from(messageText, 'base64').toString());
        try {
          await handle(kind, message);
        } catch {
          // The step has logged it; the host counts a try, and gives up at the last one.
          if (dequeueCount < MAX_DEQUEUE_COUNT) {
            await queue.updateMessage(messageId, popReceipt, messageText, 0);
            return;
          }
          await drainPoison(world.pipeline, queueNames[kind], message, kind === 'download' ? readDownloadMessage : readImportMessage);
        }
        await queue.deleteMessage(messageId, popReceipt);
      }),
    );
    return receivedMessageItems.length > 0;
  };

  const work = async (): Promise<void> => {
    for (;;) {
      const [downloaded, imported] = [await pump('download'), await pump('import')];
      if (downloaded || imported) continue;
      if (delayed.length === 0) return;
      time = Math.max(time, Math.min(...delayed.map(({ due }) => due)));
      const due = delayed.filter((message) => message.due <= time);
      delayed = delayed.filter((message) => message.due > time);
      for (const { send } of due) await send();
    }
  };

  const report = async (): Promise<ItemReport[]> => {
    const runs = await world.pipeline.ledger.runs.all();
    const items: ItemReport[] = [];
    for await (const item of reportItems(
      world.pipeline,
      runs.map(({ runId }) => runId),
    ))
      items.push(item.report);
    return items;
  };

  const foldersOf = async (address: string): Promise<string[]> => {
    try {
      return await readdir(join(root, address));
    } catch {
      return [];
    }
  };

  return {
    get pipeline() {
      return world.pipeline;
    },
    connectionString,
    teleMessage,
    graph,
    log,
    now,
    advance(ms) {
      time += ms;
    },
    restart(settings) {
      world.pipeline = restart(settings);
      return world.pipeline;
    },
    add: (id, eml) => teleMessage.addItem(id, () => Buffer.from(eml)),
    list: () => listDailyItems(world.pipeline),
    async download(id) {
      const { items } = world.pipeline.ledger;
      const listed = await items.find(id);
      if (listed === undefined) throw new Error(`the ledger has no item ${id}`);
      await downloadItem(world.pipeline, identityOf(listed));
      const { size, sha256 } = (await items.find(id)) ?? {};
      if (size === undefined || sha256 === undefined) throw new Error(`the row of ${id} does not know its bytes`);
      return { ...identityOf(listed), size, sha256 };
    },
    sweep: () => sweepRuns(world.pipeline),
    work,
    async day() {
      await listDailyItems(world.pipeline);
      await work();
      await sweepRuns(world.pipeline);
    },
    report,
    async outcome(id) {
      const found = (await report()).find(({ sourceId }) => sourceId === id);
      if (found === undefined) throw new Error(`the ledger has no item ${id}`);
      return found;
    },
    async mailbox(address, name = 'Enterprise Number Archiver') {
      const place = join(root, address, name);
      const files = (await foldersOf(address)).includes(name) ? (await readdir(place)).filter((file) => /^\d+\.json$/.test(file)) : [];
      files.sort((one, other) => Number.parseInt(one, 10) - Number.parseInt(other, 10));
      return Promise.all(files.map(async (file) => JSON.parse(await readFile(join(place, file), 'utf8')) as HeldMessage));
    },
    folders: foldersOf,
    async depth(queue) {
      return (await world.pipeline.storage.queues[queue].getProperties()).approximateMessagesCount ?? 0;
    },
    close,
  };
}

/** An SMS as TeleMessage writes it. */
export function sms(
  options: { id?: string; from?: string; to?: string; text?: string; property?: string; extra?: readonly string[] } = {},
): string {
  const {
    id,
    from = 'Ada 16175550101 <ada@contoso.example>',
    to = 'Ben 16175550102 <ben@contoso.example>',
    text = 'hello',
    extra = [],
  } = options;
  return [
    `From: ${from}`,
    `To: ${to}`,
    'Subject: SMS from 16175550101 to 16175550102',
    'Date: Sun, 22 Nov 2026 09:14:03 +0000',
    ...(id === undefined ? [] : [`X-TELEMESSAGE-ArchiveMessageID: ${id}`]),
    ...(options.property === undefined ? [] : [`X-TELEMESSAGE-UserEmailAddress: ${options.property}`]),
    ...extra,
    'Content-Type: text/plain; charset="utf-8"',
    '',
    text,
    '',
  ].join('\r\n');
}

/** An MMS with attachments of given bytes. */
export function mms(id: string, attachments: readonly Buffer[], extra: Parameters<typeof sms>[0] = {}): string {
  const boundary = 'parts';
  const [head = ''] = sms({ ...extra, id }).split('Content-Type:');
  const parts = attachments.map(
    (content, index) =>
      `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="file-${index}.bin"\r\n\r\n${content.toString('base64').replaceAll(/.{76}/g, '$&\r\n')}\r\n`,
  );
  return `${head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\nContent-Type: text/plain\r\n\r\nSee attachments\r\n${parts.join('')}--${boundary}--\r\n`;
}
