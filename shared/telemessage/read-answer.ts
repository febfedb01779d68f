/**
 * Reads a small answer: bounded in bytes and time, checked against the contract.
 *
 * @module
 */
import type { z } from 'zod';
import { TransientError } from '../errors.ts';
import { REQUESTS } from './judge-answer.ts';
import { codeOf, type OpenAnswer } from './send-request.ts';
import type { SourceLimits } from './source-limits.ts';

/** A refusal's body is read only so that its connection can be used again; a longer one costs more than a new connection. */
const REFUSAL_BYTES = 64 * 1024;

async function readBytes({ response, request, abandon }: OpenAnswer, mostBytes: number, ms: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    abandon();
  }, ms);
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > mostBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new TransientError(
      timedOut
        ? `TeleMessage did not end its answer to ${REQUESTS[request]} within ${ms} ms.`
        : `The answer of TeleMessage to ${REQUESTS[request]} broke off${codeOf(error)}.`,
    );
  } finally {
    clearTimeout(timer);
  }
  if (bytes > mostBytes) {
    throw new TransientError(`The answer of TeleMessage to ${REQUESTS[request]} is larger than ${mostBytes} bytes.`);
  }
  return Buffer.concat(chunks, bytes);
}

/**
 * Reads a JSON answer.
 *
 * @param limits - At most `listPageBytes` bytes in `requestMs` ms.
 * @returns what the schema makes of it.
 * @throws TransientError where it breaks off, is too large or too slow, or is not what the contract says: a page of a gateway under
 *   maintenance also comes with 200. The message names the property and never its value.
 */
export async function readAnswer<T>(answer: OpenAnswer, schema: z.ZodType<T>, limits: SourceLimits): Promise<T> {
  const about = `The answer of TeleMessage to ${REQUESTS[answer.request]}`;
  const bytes = await readBytes(answer, limits.listPageBytes, limits.requestMs);
  let json: unknown;
  try {
    // Fatal: a broken character in an id would otherwise become another id, and the item would never be found.
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // The parser's own message quotes the answer.
    throw new TransientError(`${about} is not JSON in UTF-8.`);
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new TransientError(`${about} is not what the contract says: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`);
  }
  return result.data;
}

/** Reads an answer that is not wanted to its end, so that its connection can be used again, or gives the connection up. */
export async function discardAnswer(answer: OpenAnswer, limits: SourceLimits): Promise<void> {
  try {
    await readBytes(answer, REFUSAL_BYTES, limits.requestMs);
  } catch {
    // The status has decided already; how the rest of such an answer ends changes nothing.
    answer.abandon();
  }
}
