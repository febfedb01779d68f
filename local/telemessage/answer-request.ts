/**
 * Answers the three requests of the contract (`telemessage-api.yaml`), strictly: what the contract does not allow is refused and noted.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { FaultEffect, FaultList } from './faults.ts';
import type { ItemShelf } from './item-shelf.ts';
import { jsonAnswer, type Answer } from './send-answer.ts';

/** How often each request came. */
export interface RequestCounts {
  login: number;
  /** Logins answered with 401 for a wrong user name or password. */
  loginRefused: number;
  list: number;
  content: number;
  /** Requests for the content of each item. */
  readonly contentById: Map<string, number>;
  /** Requests that the contract does not allow, each with what is wrong. */
  readonly warnings: string[];
}

/** What the requests are answered from. */
export interface AccountState {
  readonly archiver: string;
  readonly username: string;
  readonly password: string;
  readonly tokenSeconds: number;
  /** End of each token, in ms since 1970. */
  readonly tokens: Map<string, number>;
  readonly shelf: ItemShelf;
  readonly faults: FaultList;
  readonly counts: RequestCounts;
  readonly now: () => Date;
}

/** An answer, and the fault to send it with. */
export interface Judged {
  readonly answer: Answer;
  readonly effect?: FaultEffect | undefined;
}

const DEFAULT_LIMIT = 500;
const LOGIN_BYTES = 64 * 1024;

const loginSchema = z.strictObject({ username: z.string(), password: z.string() });
const limitSchema = z
  .string()
  .regex(/^\d{1,4}$/)
  .transform(Number)
  .pipe(z.int().min(1).max(1000))
  .optional();
const listSchema = z.strictObject({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  archiver: z.string(),
  cursor: z.string().optional(),
  limit: limitSchema,
});
const contentSchema = z.strictObject({ archiver: z.string() });
/** Where the last page ended: arrival and id of its last item, so a cursor outlives the simulator. */
const cursorSchema = z.tuple([z.number(), z.string()]);

const unauthorised = jsonAnswer(401, { error: 'unauthorised' });

/** Refuses what the contract does not allow. */
class ContractError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

function readQuery<T>(query: URLSearchParams, schema: z.ZodType<T>): T {
  const names = [...query.keys()];
  if (new Set(names).size < names.length) throw new ContractError(400, 'a parameter is given twice');
  const result = schema.safeParse(Object.fromEntries(query));
  if (!result.success) throw new ContractError(400, z.prettifyError(result.error));
  return result.data;
}

function readCursor(cursor: string): z.output<typeof cursorSchema> {
  try {
    return cursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw new ContractError(400, 'the cursor is none of ours');
  }
}

async function readLogin(request: IncomingMessage): Promise<z.output<typeof loginSchema>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LOGIN_BYTES) throw new ContractError(413, 'the login is too long');
    chunks.push(chunk);
  }
  if (request.headers['content-type'] !== 'application/json') throw new ContractError(415, 'the login is not application/json');
  try {
    return loginSchema.parse(JSON.parse(Buffer.concat(chunks).toString()));
  } catch {
    throw new ContractError(400, 'the login is not JSON with username and password');
  }
}

async function login(account: AccountState, request: IncomingMessage): Promise<Judged> {
  account.counts.login += 1;
  const { username, password } = await readLogin(request);
  const effect = account.faults.take('login');
  if (username !== account.username || password !== account.password) {
    account.counts.loginRefused += 1;
    return { answer: unauthorised, effect };
  }
  const token = randomBytes(24).toString('base64url');
  account.tokens.set(token, account.now().getTime() + account.tokenSeconds * 1_000);
  return { answer: jsonAnswer(200, { token, expiresInSeconds: account.tokenSeconds }), effect };
}

async function list(account: AccountState, query: URLSearchParams): Promise<Answer> {
  const { from, to, archiver, cursor, limit = DEFAULT_LIMIT } = readQuery(query, listSchema);
  const [fromMs, toMs] = [Date.parse(from), Date.parse(to)];
  if (fromMs > toMs) throw new ContractError(400, 'from is after to');
  const [afterMs, afterId] = cursor === undefined ? [-Infinity, ''] : readCursor(cursor);
  // Later pages follow the cursor through what the first one saw; a folder of 100,000 files is read once a listing.
  if (cursor === undefined) await account.shelf.scan();
  const left = (archiver === account.archiver ? account.shelf.list() : []).filter(
    ({ id, arrived }) => arrived >= fromMs && arrived < toMs && (arrived > afterMs || (arrived === afterMs && id > afterId)),
  );
  const page = left.slice(0, limit);
  const last = page.at(-1);
  return jsonAnswer(200, {
    items: page.map(({ id, arrived }) => ({ id, arrivedAt: new Date(arrived).toISOString() })),
    ...(last === undefined || left.length <= page.length
      ? {}
      : { nextCursor: Buffer.from(JSON.stringify([last.arrived, last.id])).toString('base64url') }),
  });
}

async function content(account: AccountState, id: string, query: URLSearchParams): Promise<Answer> {
  const { archiver } = readQuery(query, contentSchema);
  const item = archiver === account.archiver ? await account.shelf.read(id) : undefined;
  if (item === undefined) return jsonAnswer(404, { error: 'unknown item' });
  const headers = { 'content-type': 'message/rfc822', digest: `sha-256=${item.sha256}` };
  return { status: 200, headers, bytes: item.bytes, open: () => item.open() };
}

function isSignedIn(account: AccountState, request: IncomingMessage): boolean {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return (account.tokens.get(token) ?? 0) > account.now().getTime();
}

function decodeId(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new ContractError(400, 'the id is not percent-encoded UTF-8');
  }
}

/**
 * @param path - What stands behind the prefix, as it was sent.
 * @returns the answer; one that notes a warning for whatever the contract does not allow.
 */
export async function answerRequest(
  account: AccountState,
  request: IncomingMessage,
  path: string,
  query: URLSearchParams,
): Promise<Judged> {
  const { counts, faults } = account;
  try {
    const encodedId = /^\/v1\/items\/([^/]+)\/content$/.exec(path)?.[1];
    const method = path === '/v1/login' ? 'POST' : 'GET';
    if (path !== '/v1/login' && path !== '/v1/items' && encodedId === undefined) throw new ContractError(404, 'no such path');
    if (request.method !== method) throw new ContractError(405, `this path takes ${method}`);
    if (path === '/v1/login') {
      readQuery(query, z.strictObject({}));
      return await login(account, request);
    }
    if (encodedId === undefined) {
      counts.list += 1;
      if (!isSignedIn(account, request)) return { answer: unauthorised };
      return { effect: faults.take('list'), answer: await list(account, query) };
    }
    const id = decodeId(encodedId);
    counts.content += 1;
    counts.contentById.set(id, (counts.contentById.get(id) ?? 0) + 1);
    if (!isSignedIn(account, request)) return { answer: unauthorised };
    return { effect: faults.take('content', id), answer: await content(account, id, query) };
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    counts.warnings.push(`${request.method ?? ''} ${path}: ${error.message}`);
    return { answer: jsonAnswer(error.status, { error: error.message }) };
  }
}
