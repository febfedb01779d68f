/**
 * Requests to Microsoft Graph, through Microsoft's client with a middleware chain of our own.
 *
 * The client's own chain repeats a POST after 429, 503 and 504 (a 504 on a create would be a second copy), sleeps inside the call, and
 * has no time-out; ours does none of the first two and has the third.
 *
 * @module
 */
import { Client, GraphError, type Context, type Middleware } from '@microsoft/microsoft-graph-client';
import pLimit, { type LimitFunction } from 'p-limit';
import { LRUCache } from 'lru-cache';
import { RetryAfterError } from '../errors.ts';
import { limits } from '../limits.ts';
import { graphError } from './graph-errors.ts';

/** What one request needs. */
export interface GraphRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Path after the version, encoded already: the client encodes none. */
  readonly path: string;
  /** JSON text, or an object to be made into it. */
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Id of the mailbox that the request counts against, where there is one. */
  readonly mailboxId?: string;
  /** What it is for, as in "asked to …", for error messages. */
  readonly purpose: string;
  /** In ms. @defaultValue limits.requestMs */
  readonly timeoutMs?: number;
  /** Called when the request's turn has come, right before it is sent; what it throws keeps the request from being sent. */
  readonly before?: () => Promise<void>;
  /** Error codes that the caller takes for an answer; the request then gives undefined. */
  readonly accept?: (status: number, code: string | undefined) => boolean;
}

/** A way to Graph. */
export interface Graph {
  /**
   * Sends one request and gives the parsed answer, or undefined where the caller accepted a failure as an answer.
   *
   * @throws PermanentError, RetryAfterError, TransientError or InDoubtError as judged in graph-errors.ts.
   */
  request<Answer>(request: GraphRequest): Promise<Answer | undefined>;
  /**
   * Sends a request to a mailbox by other means, such as an upload, within the same limits of requests at one time, and with the same
   * memory of who asked us to wait.
   *
   * @param request - As in {@link GraphRequest}, what is asked, and what is called right before.
   * @throws what `send` throws; RetryAfterError while the mailbox has asked us to wait.
   */
  inLane<Result>(request: Required<Pick<GraphRequest, 'mailboxId' | 'purpose' | 'before'>>, send: () => Promise<Result>): Promise<Result>;
}

/** How to reach Graph. */
export interface GraphConnection {
  /** May carry a path; `/v1.0/…` is appended. */
  readonly baseUrl: URL;
  /** Gives a bearer token, or undefined for a simulator that wants none. */
  readonly token: (() => Promise<string>) | undefined;
  readonly lanesPerMailbox: number;
  readonly lanesTotal: number;
  readonly now: () => Date;
  /** Told of every throttled request, for the metrics. */
  readonly onThrottled?: () => void;
}

class SendWithToken implements Middleware {
  readonly #connection: GraphConnection;

  constructor(connection: GraphConnection) {
    this.#connection = connection;
  }

  async execute(context: Context): Promise<void> {
    const headers = new Headers(context.options?.headers);
    const { token } = this.#connection;
    if (token !== undefined) headers.set('Authorization', `Bearer ${await token()}`);
    // A redirect could carry the token and the item to another host.
    context.response = await fetch(context.request, { ...context.options, headers, redirect: 'error' });
  }
}

/** Makes the way to Graph that everything in `shared/mailbox` uses. */
export function connectGraph(connection: GraphConnection): Graph {
  const client = Client.initWithMiddleware({
    middleware: new SendWithToken(connection),
    baseUrl: `${connection.baseUrl.href.replace(/\/+$/, '')}/`,
    defaultVersion: 'v1.0',
  });
  const total = pLimit(connection.lanesTotal);
  const lanes = new LRUCache<string, LimitFunction>({ max: limits.directoryEntries });
  const blockedUntil = new LRUCache<string, number>({ max: limits.directoryEntries });

  const laneOf = (mailboxId: string): LimitFunction => {
    const existing = lanes.get(mailboxId);
    if (existing !== undefined) return existing;
    const lane = pLimit(connection.lanesPerMailbox);
    lanes.set(mailboxId, lane);
    return lane;
  };

  /** Asks nothing of whoever has asked us to wait, and remembers who does. */
  const unlessBlocked = async <Result>(key: string, purpose: string, work: () => Promise<Result>): Promise<Result> => {
    const waitMs = (blockedUntil.get(key) ?? 0) - connection.now().getTime();
    if (waitMs > 0) throw new RetryAfterError(waitMs, `Microsoft Graph asked us to wait before it is asked to ${purpose}.`);
    try {
      return await work();
    } catch (error) {
      if (error instanceof RetryAfterError) {
        blockedUntil.set(key, connection.now().getTime() + error.delayMs);
        connection.onThrottled?.();
      }
      throw error;
    }
  };

  const send = async <Answer>(request: GraphRequest): Promise<Answer | undefined> => {
    const call = client
      .api(request.path)
      .headers({ Prefer: 'IdType="ImmutableId"', ...request.headers })
      .option('signal', AbortSignal.timeout(request.timeoutMs ?? limits.requestMs));
    try {
      switch (request.method) {
        case 'GET':
          return (await call.get()) as Answer;
        case 'POST':
          return (await call.post(request.body ?? {})) as Answer;
        case 'DELETE':
          return (await call.delete()) as Answer;
      }
    } catch (error) {
      const answered = error instanceof GraphError && error.statusCode > 0 ? error : undefined;
      const code = answered?.code ?? undefined;
      if (answered !== undefined && request.accept?.(answered.statusCode, code) === true) return undefined;
      throw graphError(request.purpose, {
        status: answered?.statusCode,
        code,
        retryAfter: answered?.headers?.get('Retry-After') ?? undefined,
        readOnly: request.method === 'GET',
        // Graph repeats parts of the request in its messages (an address in a path, a subject), so they stay out of the log.
        cause: answered === undefined ? error : undefined,
      });
    }
  };

  const lane = <Result>(mailboxId: string, work: () => Promise<Result>) => laneOf(mailboxId)(() => total(work));
  return {
    inLane: ({ mailboxId, purpose, before }, sendElsewhere) =>
      lane(mailboxId, async () => {
        await before();
        return unlessBlocked(mailboxId, purpose, sendElsewhere);
      }),
    request: <Answer>(request: GraphRequest) => {
      const work = async () => {
        await request.before?.();
        return unlessBlocked(request.mailboxId ?? '', request.purpose, () => send<Answer>(request));
      };
      return request.mailboxId === undefined ? total(work) : lane(request.mailboxId, work);
    },
  };
}
