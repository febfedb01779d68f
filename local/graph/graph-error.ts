/**
 * Answers and errors in the form that Microsoft Graph gives them.
 *
 * @module
 */

/** What a handler answers. */
export interface Answer {
  readonly status: number;
  /** Sent as JSON; absent for an empty body. */
  readonly body?: unknown;
  /** A file sent as it is, instead of JSON. */
  readonly file?: { readonly path: string; readonly contentType: string };
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by handlers; becomes Graph's error body. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the request is one that the simulator does not know, so that a test should hear of it. */
  readonly unsimulated: boolean;

  /** @param code - Graph's word, for example `ErrorItemNotFound`. */
  constructor(
    status: number,
    code: string,
    message: string,
    details: { readonly headers?: Readonly<Record<string, string>>; readonly unsimulated?: boolean } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = details.headers ?? {};
    this.unsimulated = details.unsimulated ?? false;
  }
}

/** A 400 for a request body that Graph would not accept. */
export function badBody(message: string): GraphError {
  return new GraphError(400, 'RequestBodyRead', message);
}

/** A 400 for something that Graph may know and the simulator does not: it is also recorded as a warning. */
export function notSimulated(message: string): GraphError {
  return new GraphError(400, 'BadRequest', `The simulated Graph does not know this: ${message}`, { unsimulated: true });
}

/** The 404 for a folder, message, attachment or upload session that does not exist. */
export function itemNotFound(): GraphError {
  return new GraphError(404, 'ErrorItemNotFound', 'The specified object was not found in the store.');
}

/**
 * Graph's error body.
 *
 * @param requestId - The value of the `request-id` header.
 */
export function errorBody(code: string, message: string, requestId: string): object {
  return {
    error: {
      code,
      message,
      innerError: { date: new Date().toISOString().slice(0, 19), 'request-id': requestId, 'client-request-id': requestId },
    },
  };
}
