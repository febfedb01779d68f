/**
 * What the simulated Graph was asked: counts, the last requests, and warnings that a test can assert to be none.
 *
 * @module
 */
import type { RequestKind } from './request-kinds.ts';

/** One request. */
export interface LoggedRequest {
  readonly kind: RequestKind;
  readonly method: string;
  /** The route with its placeholders, for example `/users/{user}/mailFolders`. */
  readonly path: string;
  /** Folder on disk of the mailbox, where the request concerns one. */
  readonly mailbox: string | undefined;
  /** The HTTP status; absent where nothing was answered (a fault, or the client left). */
  readonly status: number | undefined;
  /** When it arrived, ISO 8601 UTC. */
  readonly at: string;
}

/** What has been asked since the start, or since {@link RequestLog.clear}. */
export interface RequestLog {
  /** Requests by kind; a kind that did not occur is absent. */
  readonly counts: Readonly<Partial<Record<RequestKind, number>>>;
  /** The last 5,000 requests in the order in which they were done with. */
  readonly log: readonly LoggedRequest[];
  /** The last 1,000: requests that the simulator does not know, or without immutable ids, and failures of its own. */
  readonly warnings: readonly string[];
  /** Most requests at one time to any one mailbox. */
  readonly mostAtOnce: number;
  clear(): void;
}

/** The writing side of a {@link RequestLog}. */
export interface RequestRecorder {
  readonly requests: RequestLog;
  record(request: LoggedRequest): void;
  warn(message: string): void;
  /** Counts a request to a mailbox as under way until the returned function is called; calling it again does nothing. */
  enter(mailbox: string): { readonly underWay: number; readonly leave: () => void };
}

const LOG_ENTRIES = 5_000;
const WARNINGS = 1_000;

function pushBounded<Entry>(entries: Entry[], entry: Entry, limit: number): void {
  entries.push(entry);
  if (entries.length > limit) entries.shift();
}

/** An empty log. */
export function createRequestRecorder(): RequestRecorder {
  let counts: Partial<Record<RequestKind, number>> = {};
  let mostAtOnce = 0;
  const log: LoggedRequest[] = [];
  const warnings: string[] = [];
  const underWay = new Map<string, number>();
  return {
    requests: {
      get counts() {
        return counts;
      },
      log,
      warnings,
      get mostAtOnce() {
        return mostAtOnce;
      },
      clear() {
        counts = {};
        mostAtOnce = 0;
        log.length = 0;
        warnings.length = 0;
      },
    },
    record(request) {
      counts[request.kind] = (counts[request.kind] ?? 0) + 1;
      pushBounded(log, request, LOG_ENTRIES);
    },
    warn: (message) => pushBounded(warnings, message, WARNINGS),
    enter(mailbox) {
      const now = (underWay.get(mailbox) ?? 0) + 1;
      underWay.set(mailbox, now);
      mostAtOnce = Math.max(mostAtOnce, now);
      let inside = true;
      const leave = (): void => {
        if (!inside) return;
        inside = false;
        const left = (underWay.get(mailbox) ?? 1) - 1;
        if (left === 0) underWay.delete(mailbox);
        else underWay.set(mailbox, left);
      };
      return { underWay: now, leave };
    },
  };
}
