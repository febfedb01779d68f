/**
 * Sends one request to TeleMessage and waits a bounded time for the beginning of the answer.
 *
 * @module
 */
import { TransientError } from '../errors.ts';
import { REQUESTS, type RequestKind } from './judge-answer.ts';

/** The fetch of the platform, or something like it. */
export type Fetch = typeof globalThis.fetch;

/** An answer whose body has not been read. */
export interface OpenAnswer {
  readonly response: Response;
  /** Which request it answers, for messages. */
  readonly request: RequestKind;
  /** Gives the connection up. Without effect once the body has been read to its end. */
  readonly abandon: () => void;
}

/** What to send. */
export interface OutgoingRequest {
  readonly request: RequestKind;
  readonly address: URL;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * The code of a network error, such as ` (ECONNRESET)`. Nothing else of it may travel on: undici's errors quote addresses (with the id of
 * the item in them) and hold raw bytes of the answer.
 */
export function codeOf(error: unknown): string {
  let current = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if ('code' in current && typeof current.code === 'string' && /^[A-Z0-9_]{1,64}$/.test(current.code)) return ` (${current.code})`;
    current = current.cause;
  }
  return '';
}

/**
 * Sends one request and waits for its answer to begin.
 *
 * @param requestMs - How long the answer may take to begin, in ms.
 * @returns the answer, whatever its status; a redirect is not followed.
 * @throws TransientError for a network error or a time-out, without a cause (see {@link codeOf}).
 */
export async function sendRequest(fetch: Fetch, outgoing: OutgoingRequest, requestMs: number): Promise<OpenAnswer> {
  const { request, address, method, headers, body } = outgoing;
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, requestMs);
  try {
    const response = await fetch(address, {
      method,
      // Bytes as they are: a compressed answer would fit neither Content-Length nor Digest.
      headers: { ...headers, 'accept-encoding': 'identity' },
      redirect: 'manual',
      signal: controller.signal,
      ...(body === undefined ? {} : { body }),
    });
    return { response, request, abandon: () => controller.abort() };
  } catch (error) {
    throw new TransientError(
      timedOut
        ? `TeleMessage did not begin to answer ${REQUESTS[request]} within ${requestMs} ms.`
        : `TeleMessage could not be reached for ${REQUESTS[request]}${codeOf(error)}.`,
    );
  } finally {
    clearTimeout(timer);
  }
}
