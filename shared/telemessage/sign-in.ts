/**
 * Signs in to the TeleMessage account and keeps the token: one login at a time, and never again after a refused password.
 *
 * @module
 */
import { RetryAfterError } from '../errors.ts';
import { grantSchema } from './answer-schemas.ts';
import { judgeStatus } from './judge-answer.ts';
import { discardAnswer, readAnswer } from './read-answer.ts';
import { sendRequest, type Fetch } from './send-request.ts';
import type { SourceLimits } from './source-limits.ts';

/** The token of one account. */
export interface SignIn {
  /** @returns a token that is not about to expire; all who ask while a login is under way share it. */
  token(): Promise<string>;
  /**
   * Another token than one that was answered with 401.
   *
   * @param stale - The refused token. Where somebody else has renewed it meanwhile, theirs is returned without another login.
   */
  renew(stale: string): Promise<string>;
  /** Whether TeleMessage refused the user name and password; every call throws since. */
  refused(): boolean;
}

/** What the sign-in needs. */
export interface SignInDeps {
  readonly fetch: Fetch;
  readonly address: URL;
  readonly username: string;
  readonly password: string;
  readonly limits: SourceLimits;
  readonly now: () => Date;
}

/** How long a message waits that cannot be worked on because the sign-in is refused, in ms: nothing is parked, nothing uses up its tries. */
const REFUSED_DELAY_MS = 15 * 60_000;

/** A token is renewed so long before its end, in ms (a tenth of its life, if that is shorter): the time of the longest request that starts with it. */
const RENEW_BEFORE_MS = 60_000;

/** Answers that say nothing about the password and pass by themselves. */
const PASSING = new Set([408, 425, 429]);

function refusal(status: number): RetryAfterError {
  const settings =
    status === 401 || status === 403
      ? 'TELEMESSAGE_USERNAME and TELEMESSAGE_PASSWORD'
      : 'TELEMESSAGE_BASE_URL, TELEMESSAGE_USERNAME and TELEMESSAGE_PASSWORD';
  return new RetryAfterError(
    REFUSED_DELAY_MS,
    `TeleMessage refused the sign-in (${status}). It is not tried again, because that can lock the account: check ${settings}, ` +
      'and restart the app after the correction.',
  );
}

/**
 * Nothing is sent before the first token is asked for.
 *
 * Any answer to a login from 300 to 499 except 408, 425 and 429 is a refusal, 400 and 404 too: some gateways say so of a wrong password.
 */
export function createSignIn({ fetch, address, username, password, limits, now }: SignInDeps): SignIn {
  let held: { readonly token: string; readonly renewAt: number } | undefined;
  let underWay: Promise<string> | undefined;
  let refusedStatus: number | undefined;
  let notBefore = 0;

  async function login(): Promise<string> {
    held = undefined;
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const body = JSON.stringify({ username, password });
    const answer = await sendRequest(fetch, { request: 'login', address, method: 'POST', headers, body }, limits.requestMs);
    const { status } = answer.response;
    if (status !== 200) {
      if (status >= 300 && status < 500 && !PASSING.has(status)) refusedStatus = status;
      await discardAnswer(answer, limits);
      if (refusedStatus !== undefined) throw refusal(refusedStatus);
      const error = judgeStatus(status, answer.response.headers.get('retry-after'), 'login', limits, now());
      if (error instanceof RetryAfterError) notBefore = now().getTime() + error.delayMs;
      throw error;
    }
    const { token, expiresInSeconds } = await readAnswer(answer, grantSchema, limits);
    const lifeMs = expiresInSeconds * 1_000;
    held = { token, renewAt: now().getTime() + lifeMs - Math.min(RENEW_BEFORE_MS, lifeMs / 10) };
    return token;
  }

  async function loginOnce(): Promise<string> {
    if (underWay !== undefined) return underWay;
    if (refusedStatus !== undefined) throw refusal(refusedStatus);
    const waitMs = notBefore - now().getTime();
    if (waitMs > 0) throw new RetryAfterError(waitMs, `TeleMessage asked not to be signed in to for ${Math.ceil(waitMs / 1_000)} s.`);
    underWay = login().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  return {
    async token() {
      return held !== undefined && now().getTime() < held.renewAt ? held.token : loginOnce();
    },
    async renew(stale) {
      return held !== undefined && held.token !== stale ? held.token : loginOnce();
    },
    refused: () => refusedStatus !== undefined,
  };
}
