/**
 * The items of a TeleMessage account over HTTP, by the contract in `telemessage-api.yaml`.
 *
 * @module
 */
import { RetryAfterError, TransientError } from '../errors.ts';
import { pageSchema } from './answer-schemas.ts';
import { checkTransfer } from './check-transfer.ts';
import { createAddresses } from './item-address.ts';
import type { ItemSource } from './item-source.ts';
import { judgeStatus, type RequestKind } from './judge-answer.ts';
import { discardAnswer, readAnswer } from './read-answer.ts';
import { sendRequest, type Fetch, type OpenAnswer } from './send-request.ts';
import { createSignIn } from './sign-in.ts';
import { withSourceLimits, type SourceLimits } from './source-limits.ts';

/** The account and, for tests, the outside world. */
export interface TeleMessageOptions {
  /** http or https; may carry a path, not a user, query or fragment. No request ever goes to another host. */
  readonly baseUrl: URL;
  readonly username: string;
  readonly password: string;
  /** Value of the contract's `archiver` parameter. */
  readonly archiverId: string;
  /** @default the platform's fetch, which keeps connections alive */
  readonly fetch?: Fetch;
  /** @default the clock */
  readonly now?: () => Date;
  /** @default the product's limits */
  readonly limits?: Partial<SourceLimits>;
}

/** A TeleMessage account as a source of items. */
export interface TeleMessageSource extends ItemSource {
  /**
   * Whether TeleMessage refused the user name and password. Since then every call throws a RetryAfterError of 15 minutes without a
   * request, until the app is restarted.
   */
  signInRefused(): boolean;
}

/**
 * Opens the account; nothing is sent before the first call. One source serves a whole process: it holds the token.
 *
 * @throws TypeError where the base address cannot be used.
 * @example
 * const source = createTeleMessageSource({ baseUrl, username, password, archiverId: 'enterprise-number' });
 * const page = await source.listPage({ from, to });
 */
export function createTeleMessageSource(options: TeleMessageOptions): TeleMessageSource {
  const { username, password, fetch = globalThis.fetch, now = () => new Date() } = options;
  const limits = withSourceLimits(options.limits);
  const addresses = createAddresses(options.baseUrl, options.archiverId);
  const signIn = createSignIn({ fetch, address: addresses.login, username, password, limits, now });

  /** When the list may be asked for again, in ms: the sweep goes on with an interrupted listing more often than some Retry-After says. */
  let listNotBefore = 0;

  async function send(request: RequestKind, address: URL, token: string): Promise<OpenAnswer> {
    return sendRequest(fetch, { request, address, method: 'GET', headers: { authorization: `Bearer ${token}` } }, limits.requestMs);
  }

  /** An answer with status 200, after one renewal of the token at most. */
  async function ask(request: RequestKind, address: URL): Promise<OpenAnswer> {
    const token = await signIn.token();
    let answer = await send(request, address, token);
    if (answer.response.status === 401) {
      await discardAnswer(answer, limits);
      answer = await send(request, address, await signIn.renew(token));
    }
    const { status, headers } = answer.response;
    if (status === 200) return answer;
    await discardAnswer(answer, limits);
    const failure = judgeStatus(status, headers.get('retry-after'), request, limits, now());
    if (request === 'list' && failure instanceof RetryAfterError) listNotBefore = now().getTime() + failure.delayMs;
    throw failure;
  }

  return {
    async listPage(window, cursor) {
      const waitMs = listNotBefore - now().getTime();
      if (waitMs > 0)
        throw new RetryAfterError(waitMs, `TeleMessage asked not to be asked for its list for ${Math.ceil(waitMs / 1_000)} s.`);
      const answer = await ask('list', addresses.list({ window, cursor, pageItems: limits.listPageItems }));
      const page = await readAnswer(answer, pageSchema, limits);
      if (page.nextCursor !== undefined && page.nextCursor === cursor) {
        throw new TransientError('TeleMessage named the page just read as the next one; the list would never end.');
      }
      // RFC 9110, section 6.6.1: a server that has a clock says in every answer what it shows, in whole seconds.
      const answeredAt = new Date(answer.response.headers.get('date') ?? '');
      return Number.isNaN(answeredAt.getTime()) ? page : { ...page, answeredAt };
    },

    async openItem(id) {
      return checkTransfer(await ask('content', addresses.content(id)), limits.downloadIdleMs);
    },

    signInRefused: () => signIn.refused(),
  };
}
