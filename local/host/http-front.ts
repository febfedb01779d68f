/**
 * The HTTP front of the local host: takes requests on a free port of 127.0.0.1 and hands them to the app's HTTP functions.
 *
 * @module
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpData, InvocationResponse } from './core-types.ts';
import type { HttpTrigger } from './read-triggers.ts';

/** A listening front. */
export interface HttpFront {
  /** For example `http://127.0.0.1:41234/api`, without a slash at the end. */
  readonly url: string;
  /** Takes no more requests; those under way are answered. */
  stop(): Promise<void>;
}

/** Runs the function of a trigger with a request. Rejects when the function failed. */
export type InvokeHttp = (trigger: HttpTrigger, request: HttpData) => Promise<InvocationResponse>;

/** Largest body of a request: the real host's default (FUNCTIONS_REQUEST_BODY_SIZE_LIMIT). */
const BODY_BYTES = 104_857_600;

class AnswerError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Starts to listen.
 *
 * Headers go to the app as they come, `x-ms-client-principal` of a signed-in user included: in Azure the platform sets it and strips what a caller sent, here
 * the caller plays the platform.
 *
 * @param routePrefix - First segments of every path, from host.json; may be empty.
 * @param log - Gets a line for each request that could not be answered by the app.
 */
export async function startHttpFront(
  triggers: readonly HttpTrigger[],
  routePrefix: string,
  invoke: InvokeHttp,
  log: (line: string) => void,
): Promise<HttpFront> {
  const ranked = triggers.toSorted((a, b) => (a.route.rank < b.route.rank ? 1 : -1));
  const prefix = routePrefix === '' ? '' : `/${routePrefix}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`);
    const { trigger, params } = findTrigger(ranked, prefix, request.method ?? 'GET', url);
    const body = await readBody(request);
    const { returnValue } = await invoke(trigger, {
      method: request.method ?? 'GET',
      url: url.href,
      headers: readHeaders(request),
      query: readQuery(url),
      params,
      ...(body.length > 0 && { body: { bytes: body } }),
    });
    const data = returnValue?.http;
    // A function that returns nothing answers 204, as in the real host.
    response.writeHead(Number(data?.statusCode ?? 204), data?.headers);
    response.end(data?.body?.bytes);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const status = error instanceof AnswerError ? error.status : 500;
      log(`${request.method ?? ''} request answered with ${String(status)}: ${error instanceof Error ? error.message : String(error)}`);
      if (response.headersSent) {
        response.destroy();
      } else {
        // A refused body may still be arriving; its connection cannot be used again.
        response.writeHead(status, { 'content-length': '0', ...(status === 413 && { connection: 'close' }) }).end();
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}${prefix}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

function findTrigger(
  ranked: readonly HttpTrigger[],
  prefix: string,
  method: string,
  url: URL,
): { trigger: HttpTrigger; params: Record<string, string> } {
  let path: string;
  try {
    // An encoded slash stays encoded, as in the real host: it belongs to a parameter's value and separates nothing.
    path = decodeURIComponent(url.pathname.replace(/%2F/gi, '%252F'));
  } catch (error) {
    throw new AnswerError(400, `the path is not valid percent-encoding: ${String(error)}`);
  }
  const isUnderPrefix = path === prefix || path.toLowerCase().startsWith(`${prefix}/`.toLowerCase());
  for (const trigger of isUnderPrefix ? ranked : []) {
    const params = trigger.methods.includes(method) ? trigger.route.match(path.slice(prefix.length)) : undefined;
    if (params) {
      return { trigger, params };
    }
  }
  // The real host answers 404, not 405, to a method that the route does not take.
  throw new AnswerError(404, 'no function has this route and method');
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) {
      throw new AnswerError(413, `the body is larger than ${String(BODY_BYTES)} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function readHeaders(request: IncomingMessage): Record<string, string> {
  const entries = Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** A name given several times has its values joined by commas, as in the real host. */
function readQuery(url: URL): Record<string, string> {
  const names = new Set(url.searchParams.keys());
  return Object.fromEntries([...names].map((name) => [name, url.searchParams.getAll(name).join(',')]));
}
