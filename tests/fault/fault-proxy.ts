/**
 * Stands between one instance of the app and everything it talks to, and lets a plan decide what becomes of each request.
 *
 * A signature of a storage request covers the account and the path, not the host, so the app needs no more than other addresses.
 *
 * @module
 */
import { once } from 'node:events';
import { Agent, createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { isDurable, nameStep, services, type PassingRequest, type Service } from './name-step.ts';

/** What becomes of a request. `after` means after it has taken effect: only its answer is lost. */
export type Fault =
  | { readonly kind: 'status'; readonly when: 'before' | 'after'; readonly status: number; readonly retryAfter?: number }
  /** The connection breaks. */
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  /** No answer comes; with `late` the request takes effect when the app has given it up. */
  | { readonly kind: 'silence'; readonly when: 'before' | 'after' | 'late' }
  /** The instance dies: nothing that it does from now on reaches anybody. */
  | { readonly kind: 'crash'; readonly when: 'before' | 'after' }
  /** The answer breaks off half-way. */
  | { readonly kind: 'truncate' };

/** A request, as the plan sees it. */
export interface Step {
  readonly name: string;
  readonly durable: boolean;
}

/** A message that storage shows only after a while, as seen when it was sent. */
export interface DelayedMessage {
  readonly queue: string;
  readonly messageId: string;
  readonly popReceipt: string;
  readonly delayMs: number;
}

/** Settings of {@link startFaultProxy}. */
export interface FaultProxyOptions {
  /** Where the services are. */
  readonly connectionString: string;
  readonly graphUrl: string;
  readonly teleMessageUrl: string;
  /** Asked once for each request; a fault that it gives happens. */
  readonly plan: (step: Step) => Fault | undefined;
  /** The instance has to die now. The request waits until it has. */
  readonly onCrash?: () => Promise<void>;
  readonly onDelayed?: (message: DelayedMessage) => void;
}

/** A running proxy. */
export interface FaultProxy {
  /** Settings that lead an app here. */
  readonly settings: Readonly<Record<'AzureWebJobsStorage' | 'GRAPH_BASE_URL' | 'TELEMESSAGE_BASE_URL', string>>;
  readonly crashed: boolean;
  /** Cuts the instance off, as its death would. */
  cutOff(): void;
  /** Resolves when no request is on its way to a service, so that nothing can take effect any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const UPLOAD_PREFIX = '/upload/';

function readUpstreams({ connectionString, graphUrl, teleMessageUrl }: FaultProxyOptions): Record<Service, URL> {
  const endpoint = (name: string) => new URL(new RegExp(`${name}Endpoint=([^;]+)`).exec(connectionString)?.[1] ?? '');
  const [blob, queue, table] = ['Blob', 'Queue', 'Table'].map(endpoint) as [URL, URL, URL];
  return { blob, queue, table, graph: new URL(graphUrl), telemessage: new URL(teleMessageUrl) };
}

function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/** The words in which each service says that something went wrong. */
function trouble(service: Service, status: number, retryAfter?: number): Answer {
  const code = status === 503 ? 'ServerBusy' : 'InternalError';
  const json = service === 'table' ? { 'odata.error': { code, message: { lang: 'en-US', value: code } } } : { error: { code } };
  const isXml = service === 'blob' || service === 'queue';
  const body = Buffer.from(
    isXml ? `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>` : JSON.stringify(json),
  );
  const headers: Record<string, string> = {
    'content-type': isXml ? 'application/xml' : 'application/json',
    'content-length': String(body.length),
  };
  if (['blob', 'queue', 'table'].includes(service)) headers['x-ms-error-code'] = code;
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  return { status, headers, body };
}

/** Starts the proxy on five ports of 127.0.0.1. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const upstreams = readUpstreams(options);
  const agent = new Agent({ keepAlive: true });
  const origins = new Map<Service, string>();
  const servers: Server[] = [];
  let dead = false;
  let closing = false;
  let underWay = 0;

  const forward = async (request: PassingRequest): Promise<Answer> => {
    const { service, method, url, headers, body } = request;
    // An upload session is on a host of its own; its address was changed to lead here.
    const [port, path] = url.startsWith(UPLOAD_PREFIX) ? /^\/upload\/(\d+)(.*)$/s.exec(url)!.slice(1) : [upstreams[service].port, url];
    underWay += 1;
    try {
      const outgoing = send({ agent, host: '127.0.0.1', port, path, method, headers: { ...headers, host: `127.0.0.1:${port}` } });
      outgoing.end(body);
      const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
      return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: await buffer(incoming) };
    } finally {
      underWay -= 1;
    }
  };

  /** Addresses of Graph inside an answer lead here too: of upload sessions, and of next pages. */
  const lead = ({ status, headers, body }: Answer): Answer => {
    if (!String(headers['content-type']).includes('json')) return { status, headers, body };
    const origin = origins.get('graph') ?? '';
    const text = body
      .toString('utf8')
      .replaceAll(/"(uploadUrl|@odata\.nextLink)":"http:\/\/127\.0\.0\.1:(\d+)/g, (_, name: string, port: string) => {
        return `"${name}":"${origin}${port === upstreams.graph.port ? '' : UPLOAD_PREFIX + port}`;
      });
    const changed = Buffer.from(text);
    return { status, headers: { ...headers, 'content-length': String(changed.length) }, body: changed };
  };

  const noteDelayed = ({ service, method, url }: PassingRequest, { status, body }: Answer): void => {
    const [path = '', query] = url.split('?');
    const delayMs = Number(new URLSearchParams(query).get('visibilitytimeout')) * 1000;
    if (service !== 'queue' || method !== 'POST' || status !== 201 || !(delayMs > 0)) return;
    const text = body.toString('utf8');
    const value = (name: string) => new RegExp(`<${name}>([^<]+)`).exec(text)?.[1] ?? '';
    options.onDelayed?.({ queue: path.split('/')[2] ?? '', messageId: value('MessageId'), popReceipt: value('PopReceipt'), delayMs });
  };

  const perform = async (request: PassingRequest): Promise<Answer> => {
    const answer = await forward(request);
    noteDelayed(request, answer);
    return request.service === 'graph' ? lead(answer) : answer;
  };

  const answerWith = (response: ServerResponse, { status, headers, body }: Answer, bytes = body.length): void => {
    // An instance that is dead hears nothing any more; refused at once rather than cut off, so that its clients do not try again.
    if (dead) {
      response.writeHead(403).end();
      return;
    }
    const { connection: _, 'transfer-encoding': __, ...kept } = headers;
    response.writeHead(status, kept);
    if (bytes === body.length) response.end(body);
    else response.write(body.subarray(0, bytes), () => response.destroy());
  };

  const handle = async (service: Service, incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = incoming;
    const request: PassingRequest = { service, method, url, headers, body: await buffer(incoming) };
    if (dead) return void response.writeHead(403).end();
    const fault = options.plan({ name: nameStep(request), durable: isDurable(request) });
    const taken = fault === undefined || fault.kind === 'truncate' || fault.when === 'after' ? await perform(request) : undefined;
    switch (fault?.kind) {
      case undefined:
        return answerWith(response, taken!);
      case 'truncate':
        return answerWith(response, taken!, Math.floor(taken!.body.length / 2));
      case 'status':
        return answerWith(response, trouble(service, fault.status, fault.retryAfter));
      case 'reset':
        return reset(response);
      case 'silence':
        underWay += 1;
        if (!response.closed) await once(response, 'close');
        if (fault.when === 'late' && !dead) await perform(request);
        underWay -= 1;
        return;
      case 'crash':
        dead = true;
        await options.onCrash?.();
        return void response.writeHead(403).end();
    }
  };

  for (const service of services) {
    const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
      handle(service, request, response).catch(() => {
        // A client that left, or a service that has ended: either way there is nobody to answer.
        if (!closing) reset(response);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    origins.set(service, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  const here = (service: Service) => `${origins.get(service)}${upstreams[service].pathname}`;

  return {
    settings: {
      AzureWebJobsStorage: options.connectionString
        .replace(/BlobEndpoint=[^;]+/, `BlobEndpoint=${here('blob')}`)
        .replace(/QueueEndpoint=[^;]+/, `QueueEndpoint=${here('queue')}`)
        .replace(/TableEndpoint=[^;]+/, `TableEndpoint=${here('table')}`),
      GRAPH_BASE_URL: here('graph'),
      TELEMESSAGE_BASE_URL: here('telemessage'),
    },
    get crashed() {
      return dead;
    },
    cutOff() {
      dead = true;
    },
    async idle() {
      while (underWay > 0) await delay(5);
    },
    async close() {
      dead = true;
      closing = true;
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
      agent.destroy();
    },
  };
}
