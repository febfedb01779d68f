/**
 * A simulated TeleMessage: serves a folder of `.eml` files by the contract in `telemessage-api.yaml`, and has the faults it is told to.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { answerRequest, type AccountState, type RequestCounts } from './answer-request.ts';
import { keepArrivalTimes } from './arrival-times.ts';
import { keepFaults, type Fault } from './faults.ts';
import { openShelf, type ItemMaker } from './item-shelf.ts';
import { jsonAnswer, sendAnswer } from './send-answer.ts';

/** The account to simulate. */
export interface SimulatedTeleMessageOptions {
  /** Folder of `.eml` files; the file name is the source id. */
  readonly items: string;
  /** The archiver that has the items; any other has none. */
  readonly archiver: string;
  readonly username: string;
  readonly password: string;
  /** @default 0, a free port */
  readonly port?: number;
  /** Begins with a slash and does not end with one. @default '/tm' */
  readonly pathPrefix?: string;
  /** JSON file in which the arrival time of each item is kept; absent = in memory. */
  readonly arrivals?: string;
  /** @default the clock */
  readonly now?: () => Date;
  /** Items that are not files, by id. */
  readonly extraItems?: ReadonlyMap<string, ItemMaker>;
  /** Life of a token. @default 3600 */
  readonly tokenSeconds?: number;
  readonly faults?: readonly Fault[];
}

/** A running simulator. */
export interface SimulatedTeleMessage {
  /** For TELEMESSAGE_BASE_URL. */
  readonly baseUrl: URL;
  /** Counted so far. */
  readonly requests: Readonly<RequestCounts>;
  /** @returns how often the content of an item was asked for. */
  contentRequests(id: string): number;
  /** Replaces the faults. */
  setFaults(faults: readonly Fault[]): void;
  /** Adds an item, or replaces it; it arrives now (just before), or when the caller says. */
  addItem(id: string, make: ItemMaker, arrivedAt?: Date): void;
  /** Takes an added item away. */
  removeItem(id: string): void;
  /** Makes every token given so far worthless. */
  expireTokens(): void;
  /** Ends it, and every connection that a fault holds open. A second call does nothing. */
  close(): Promise<void>;
}

/** Longer than any pause of a run: a client that reuses a connection at the moment it closes sees an error that no fault asked for. */
const KEEP_ALIVE_MS = 120_000;

/** `POST /__simulator/faults` and `GET /__simulator/requests`, for a simulator in another process. */
async function control(account: AccountState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = `${request.method ?? ''} ${request.url ?? ''}`;
  if (call === 'POST /__simulator/faults') {
    try {
      account.faults.set(await json(request));
    } catch (error) {
      return sendAnswer(response, jsonAnswer(400, { error: error instanceof Error ? error.message : String(error) }));
    }
    return sendAnswer(response, jsonAnswer(200, {}));
  }
  if (call === 'GET /__simulator/requests') {
    const { contentById, ...counts } = account.counts;
    return sendAnswer(response, jsonAnswer(200, { ...counts, contentById: [...contentById] }));
  }
  return sendAnswer(response, jsonAnswer(404, { error: 'no such control' }));
}

async function serve(account: AccountState, prefix: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // The path as it was sent: URL would resolve `..` and hide what a client really asked for.
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s);
  if (path.startsWith('/__simulator/')) return control(account, request, response);
  if (!path.startsWith(prefix)) {
    account.counts.warnings.push(`${request.method ?? ''} ${path}: not below ${prefix}`);
    return sendAnswer(response, jsonAnswer(404, { error: 'not below the base address' }));
  }
  const { answer, effect } = await answerRequest(account, request, path.slice(prefix.length), new URLSearchParams(query));
  // What is left of a body (a refused login) is read away, so that the connection can be used again.
  request.resume();
  return sendAnswer(response, answer, effect);
}

/**
 * Starts a simulator on 127.0.0.1. The items of the folder get their arrival times now.
 *
 * @throws Error where the folder, the file of arrival times or a fault cannot be used, or the port is taken.
 */
export async function startSimulatedTeleMessage(options: SimulatedTeleMessageOptions): Promise<SimulatedTeleMessage> {
  const { archiver, username, password, pathPrefix = '/tm', tokenSeconds = 3600, now = () => new Date() } = options;
  const shelf = openShelf(options.items, options.extraItems ?? new Map(), keepArrivalTimes(options.arrivals), now);
  const counts: RequestCounts = { login: 0, loginRefused: 0, list: 0, content: 0, contentById: new Map(), warnings: [] };
  const faults = keepFaults(options.faults);
  const account: AccountState = { archiver, username, password, tokenSeconds, tokens: new Map(), shelf, faults, counts, now };
  await shelf.scan();

  // As a client writes it: a prefix with a space arrives as %20.
  const prefix = new URL(pathPrefix, 'http://127.0.0.1').pathname;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    response.setHeader('Date', now().toUTCString());
    serve(account, prefix, request, response).catch((error: unknown) => {
      counts.warnings.push(`${request.method ?? ''} ${request.url ?? ''}: ${error instanceof Error ? error.message : String(error)}`);
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    baseUrl: new URL(`http://127.0.0.1:${port}${prefix}`),
    requests: counts,
    contentRequests: (id) => counts.contentById.get(id) ?? 0,
    setFaults: (given) => faults.set(given),
    addItem: (id, make, arrivedAt) => shelf.add(id, make, arrivedAt),
    removeItem: (id) => shelf.remove(id),
    expireTokens: () => account.tokens.clear(),
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
