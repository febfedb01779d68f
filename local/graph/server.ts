/**
 * A strict simulation of the part of Microsoft Graph that the archiver uses, with mailboxes on disk for a person to look at.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerControl } from './control.ts';
import { createDirectory, type DirectoryEntry } from './directory.ts';
import { openDisk } from './disk.ts';
import { createFaultPlan, type Fault, type MailboxCondition } from './faults.ts';
import type { GraphContext } from './graph-request.ts';
import { openMailbox, type Mailbox } from './mailbox.ts';
import { graphLimits, type SimulatedGraphOptions } from './options.ts';
import { createRequestRecorder, type RequestLog } from './request-log.ts';
import { graphRoutes, uploadRoutes } from './routes.ts';
import { createRequestHandler, type Services } from './serve-requests.ts';
import { createUploadSessions } from './upload-sessions.ts';

export type { Fault, FaultEffect, MailboxCondition } from './faults.ts';
export type { DirectoryUser, GraphLimits, SimulatedGraphOptions } from './options.ts';
export type { LoggedRequest, RequestLog } from './request-log.ts';
export type { RequestKind } from './request-kinds.ts';

/** A running simulated Graph. */
export interface SimulatedGraph {
  /** For `GRAPH_BASE_URL`: `/v1.0/…` is appended to it. */
  readonly baseUrl: string;
  readonly requests: RequestLog;
  /** Replaces the faults. @throws ZodError for something that is no fault. */
  setFaults(faults: readonly Fault[]): void;
  /** Replaces the lasting conditions of mailboxes. */
  setConditions(conditions: readonly MailboxCondition[]): void;
  /** Limits the requests at once to one mailbox; undefined takes the limit away. */
  setMailboxConcurrency(most: number | undefined): void;
  /** Ends both hosts, cuts the connections that are open and waits until what was begun is on disk. */
  close(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

async function listen(handler: Handler, port: number, underWay: Set<Promise<void>>): Promise<{ server: Server; origin: string }> {
  const server = createServer({ keepAlive: true, keepAliveTimeout: 65_000 }, (request, response) => {
    const answering: Promise<void> = handler(request, response)
      // The connection broke while the answer was on its way: there is nobody left to tell.
      .catch(() => response.destroy())
      .then(() => underWay.delete(answering))
      .then(() => undefined);
    underWay.add(answering);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Opens each mailbox once, when it is first asked for. */
function createMailboxes(open: (entry: DirectoryEntry) => Promise<Mailbox>): (entry: DirectoryEntry) => Promise<Mailbox> {
  const mailboxes = new Map<string, Promise<Mailbox>>();
  return async (entry) => {
    const opening = mailboxes.get(entry.id) ?? open(entry);
    mailboxes.set(entry.id, opening);
    try {
      return await opening;
    } catch (error) {
      // A file that could not be read may be mended: the next request tries again.
      mailboxes.delete(entry.id);
      throw error;
    }
  };
}

/**
 * Starts the simulated Graph on 127.0.0.1: one host for Graph itself and another for upload sessions.
 *
 * @throws Error where the port is taken, the root cannot be written or the directory names a user twice.
 */
export async function startSimulatedGraph(options: SimulatedGraphOptions): Promise<SimulatedGraph> {
  const limits = { ...graphLimits, ...options.limits };
  const prefix = options.pathPrefix ?? '/graph';
  const directory = createDirectory(options.directory);
  const disk = await openDisk(options.root);
  const faults = createFaultPlan();
  faults.set({
    faults: options.faults ?? [],
    conditions: options.conditions ?? [],
    mailboxConcurrency: options.mailboxConcurrency ?? null,
  });
  const recorder = createRequestRecorder();
  const uploads = createUploadSessions(disk, limits, () => uploadHost.origin);
  const context: GraphContext = { directory, limits, uploads, warn: (message) => recorder.warn(message) };
  const services: Services = {
    context,
    faults,
    recorder,
    openMailbox: createMailboxes((entry) => openMailbox(disk, entry.mailboxDirectory)),
  };

  const underWay = new Set<Promise<void>>();
  const answerGraph = createRequestHandler({ routes: graphRoutes, prefix: `${prefix}/v1.0`, bodyBytes: limits.requestBytes }, services);
  const answerUpload = createRequestHandler({ routes: uploadRoutes, prefix: '', bodyBytes: limits.rangeBytes }, services);
  const uploadHost = await listen(answerUpload, 0, underWay);
  const graphHost = await listen(
    async (request, response) => {
      if (!(await answerControl(request, response, faults, recorder.requests))) await answerGraph(request, response);
    },
    options.port ?? 0,
    underWay,
  ).catch((error: unknown) => {
    uploadHost.server.close();
    throw error;
  });

  return {
    baseUrl: `${graphHost.origin}${prefix}`,
    requests: recorder.requests,
    setFaults: (list) => faults.set({ faults: list }),
    setConditions: (list) => faults.set({ conditions: list }),
    setMailboxConcurrency: (most) => faults.set({ mailboxConcurrency: most ?? null }),
    async close() {
      for (const { server } of [graphHost, uploadHost]) {
        if (!server.listening) continue;
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
      }
      await Promise.all(underWay);
    },
  };
}
