/**
 * The way of every request through the simulated Graph: route, body, fault, conditions, handler, answer, log.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DirectoryEntry } from './directory.ts';
import type { FaultEffect, FaultPlan, RequestTarget } from './faults.ts';
import { errorBody, GraphError, type Answer } from './graph-error.ts';
import { wantsImmutableIds, type GraphContext, type GraphRequest } from './graph-request.ts';
import { readBody, sendAnswer } from './http.ts';
import type { Mailbox } from './mailbox.ts';
import type { RequestRecorder } from './request-log.ts';
import { createRouter, type Route, type RouteMatch } from './routes.ts';

/** One of the two hosts. */
export interface Host {
  readonly routes: readonly Route[];
  /** In front of every route. */
  readonly prefix: string;
  /** Bodies of this many bytes or more are answered 413. */
  readonly bodyBytes: number;
}

/** What both hosts share. */
export interface Services {
  readonly context: GraphContext;
  readonly faults: FaultPlan;
  readonly recorder: RequestRecorder;
  openMailbox(entry: DirectoryEntry): Promise<Mailbox>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Makes the function that answers the requests of one host. Its promise resolves when the answer is sent or withheld for good. */
export function createRequestHandler(
  host: Host,
  services: Services,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { context, faults, recorder } = services;
  const route = createRouter(host.routes);

  async function handle({ route, params, kind }: RouteMatch, entry: DirectoryEntry | undefined, request: GraphRequest): Promise<Answer> {
    if (route.scope !== 'mailbox') return route.handle(request, context);
    if (!wantsImmutableIds(request.headers)) context.warn(`${kind}: sent without Prefer: IdType="ImmutableId"`);
    if (entry === undefined) throw new GraphError(404, 'ErrorInvalidUser', `The requested user '${params['user']}' is invalid.`);
    if (!entry.user.hasMailbox) {
      throw new GraphError(404, 'MailboxNotEnabledForRESTAPI', 'The mailbox is either inactive, soft-deleted, or is hosted on-premise.');
    }
    return route.handle(request, context, await services.openMailbox(entry), entry);
  }

  function checkConcurrency(underWay: number): void {
    const most = faults.mailboxConcurrency();
    if (most === undefined || underWay <= most) return;
    throw new GraphError(429, 'ApplicationThrottled', 'Application is over its MailboxConcurrency limit.', {
      headers: { 'retry-after': String(context.limits.retryAfterSeconds) },
    });
  }

  function answerOf(error: unknown, kind: string, requestId: string): Answer {
    if (error instanceof GraphError) {
      if (error.unsimulated) context.warn(`${kind}: ${error.message}`);
      return { status: error.status, headers: error.headers, body: errorBody(error.code, error.message, requestId) };
    }
    const message = error instanceof Error ? error.message : String(error);
    context.warn(`${kind}: the simulator itself failed: ${message}`);
    return { status: 500, body: errorBody('generalException', message, requestId) };
  }

  /** The answer, or what happens instead. */
  async function underFault(
    effect: FaultEffect | undefined,
    requestId: string,
    perform: () => Promise<Answer>,
  ): Promise<Answer | 'time-out' | 'reset'> {
    if (effect === undefined) return perform();
    if (effect.type.endsWith('-after-effect')) await perform();
    if (effect.type === 'time-out' || effect.type === 'time-out-after-effect') return 'time-out';
    if (effect.type === 'reset' || effect.type === 'reset-after-effect') return 'reset';
    const retryAfter = effect.type === 'status' ? effect.retryAfterSeconds : undefined;
    return {
      status: effect.status,
      headers: retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) },
      body: errorBody(effect.code ?? 'UnknownError', `A fault of the simulated Graph: ${effect.status}.`, requestId),
    };
  }

  return async (incoming, response) => {
    const at = new Date().toISOString();
    const method = incoming.method ?? 'GET';
    // A request line or Host header that makes no address has no route.
    const url = URL.parse(`http://${incoming.headers.host ?? 'localhost'}${incoming.url ?? '/'}`) ?? new URL('http://localhost/');
    const requestId = randomUUID();
    response.setHeader('request-id', requestId);
    response.setHeader('client-request-id', incoming.headers['client-request-id'] ?? requestId);

    const match = url.pathname.startsWith(`${host.prefix}/`)
      ? route(method, url.pathname.slice(host.prefix.length), url.searchParams)
      : undefined;
    const entry = match?.params['user'] === undefined ? undefined : context.directory.find(match.params['user']);
    const target: RequestTarget = { method, kind: match?.kind ?? 'unknown', names: entry?.names ?? NOBODY };
    const mailbox = match === undefined || match.route.scope === 'directory' ? undefined : entry?.mailboxDirectory;
    const lane = mailbox === undefined ? undefined : recorder.enter(mailbox);
    if (lane !== undefined) response.once('close', lane.leave);
    const record = (status: number | undefined): void =>
      recorder.record({ kind: target.kind, method, path: match?.route.path ?? 'unknown', mailbox, status, at });

    let body: Buffer | undefined;
    try {
      body = await readBody(incoming, host.bodyBytes);
    } catch {
      // The client left in the middle of its body: there is nobody to answer.
      record(undefined);
      return;
    }

    const perform = async (): Promise<Answer> => {
      try {
        if (match === undefined) throw new GraphError(404, 'BadRequest', `No route for ${method} ${url.pathname}.`, { unsimulated: true });
        if (body === undefined)
          throw new GraphError(413, 'RequestEntityTooLarge', `The maximum request length supported is below ${host.bodyBytes} bytes.`);
        checkConcurrency(lane?.underWay ?? 0);
        faults.checkConditions(target, body);
        const request: GraphRequest = {
          kind: match.kind,
          params: match.params,
          query: url.searchParams,
          headers: incoming.headers,
          body,
          address: `${url.origin}${url.pathname}`,
        };
        return await handle(match, entry, request);
      } catch (error) {
        return answerOf(error, target.kind, requestId);
      }
    };

    const outcome = await underFault(faults.take(target), requestId, perform);
    record(typeof outcome === 'string' ? undefined : outcome.status);
    if (outcome === 'reset') incoming.socket.resetAndDestroy();
    // A time-out leaves the connection open until the client or close() ends it.
    else if (outcome !== 'time-out') {
      // Before the answer: the client may be quicker with its next request than this side with noticing that the answer is sent.
      lane?.leave();
      await sendAnswer(response, outcome);
    }
  };
}
