/**
 * The control endpoint `/__simulator/…`, by which tests and benchmarks steer a simulated Graph in another process.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FaultPlan } from './faults.ts';
import type { Answer } from './graph-error.ts';
import { readBody, sendAnswer } from './http.ts';
import type { RequestLog } from './request-log.ts';

const BODY_BYTES = 1024 * 1024;

async function setTrouble(request: IncomingMessage, faults: FaultPlan): Promise<Answer> {
  const body = await readBody(request, BODY_BYTES);
  try {
    const trouble: unknown = JSON.parse(body?.toString('utf8') ?? '');
    faults.set(Array.isArray(trouble) ? { faults: trouble } : trouble);
    return { status: 200, body: { faults: faults.pending() } };
  } catch (error) {
    return { status: 400, body: { error: { code: 'BadFaults', message: error instanceof Error ? error.message : String(error) } } };
  }
}

/**
 * Answers a control request: `POST faults` (an array of faults, or `{faults?, conditions?, mailboxConcurrency?}`), `GET faults` (those
 * that are still to strike), `GET requests` (counts, log, warnings), `DELETE requests` (forgets them).
 *
 * @returns false where the path is not one of the control endpoint.
 */
export async function answerControl(
  request: IncomingMessage,
  response: ServerResponse,
  faults: FaultPlan,
  requests: RequestLog,
): Promise<boolean> {
  const path = /^\/__simulator\/([^?]*)/.exec(request.url ?? '')?.[1];
  if (path === undefined) return false;
  let answer: Answer = { status: 404, body: { error: { code: 'NotFound', message: `No control ${request.method} ${path}.` } } };
  if (path === 'faults' && request.method === 'POST') answer = await setTrouble(request, faults);
  if (path === 'faults' && request.method === 'GET') answer = { status: 200, body: { faults: faults.pending() } };
  if (path === 'requests' && request.method === 'GET') answer = { status: 200, body: requests };
  if (path === 'requests' && request.method === 'DELETE') {
    requests.clear();
    answer = { status: 204 };
  }
  await sendAnswer(response, answer);
  return true;
}
