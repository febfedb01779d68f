/**
 * What a handler of the simulated Graph receives.
 *
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Answer } from './graph-error.ts';
import { badBody, GraphError } from './graph-error.ts';
import type { Directory, DirectoryEntry } from './directory.ts';
import type { GraphLimits } from './options.ts';
import type { Mailbox } from './mailbox.ts';
import type { RequestKind } from './request-kinds.ts';
import type { UploadSessions } from './upload-sessions.ts';

/** A request whose route is known and whose body has been read. */
export interface GraphRequest {
  readonly kind: RequestKind;
  /** Values of the placeholders of the route, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Absolute address without the query, for `@odata.nextLink`. */
  readonly address: string;
}

/** What all handlers share. */
export interface GraphContext {
  readonly directory: Directory;
  readonly limits: GraphLimits;
  readonly uploads: UploadSessions;
  /** Records something that a test should hear of. */
  warn(message: string): void;
}

/** A handler of a directory request. */
export type DirectoryHandler = (request: GraphRequest, context: GraphContext) => Answer | Promise<Answer>;

/** A handler of a request to a mailbox that exists. */
export type MailboxHandler = (
  request: GraphRequest,
  context: GraphContext,
  mailbox: Mailbox,
  owner: DirectoryEntry,
) => Answer | Promise<Answer>;

/** The value of a placeholder of the route. */
export function param(request: GraphRequest, name: string): string {
  const value = request.params[name];
  if (value === undefined) throw new Error(`The route of ${request.kind} has no placeholder {${name}}.`);
  return value;
}

/** Whether the caller asked for ids that stay when a message moves. */
export function wantsImmutableIds(headers: IncomingHttpHeaders): boolean {
  return /(?:^|,)\s*IdType\s*=\s*"?ImmutableId"?\s*(?:$|,|;)/i.test(String(headers['prefer'] ?? ''));
}

/** Whether the caller asked for bodies as text. */
export function wantsTextBody(headers: IncomingHttpHeaders): boolean {
  return /(?:^|,)\s*outlook\.body-content-type\s*=\s*"?text"?\s*(?:$|,|;)/i.test(String(headers['prefer'] ?? ''));
}

/** Graph's JSON is UTF-8, in which half of a surrogate pair cannot be written; JSON.stringify escapes it. */
function refuseHalfCharacters(_: string, value: unknown): unknown {
  if (typeof value === 'string' && !value.isWellFormed()) throw new Error('a text holds half of a surrogate pair');
  return value;
}

/**
 * Reads the body as a JSON object.
 *
 * @throws GraphError 415 for another content type, 400 for anything that is not an object in UTF-8 JSON, half characters included.
 */
export function readJsonObject(request: GraphRequest): Record<string, unknown> {
  const contentType = request.headers['content-type'] ?? '';
  if (!/^application\/json\s*(?:;|$)/i.test(contentType)) {
    throw new GraphError(
      415,
      'UnsupportedMediaType',
      `Only application/json is accepted here, not "${contentType}": a create from MIME always makes a draft.`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(request.body), refuseHalfCharacters);
  } catch (cause) {
    throw badBody(`The body is not JSON in UTF-8: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badBody('The body must be a JSON object.');
  return value as Record<string, unknown>;
}
