/**
 * Sends an answer of the simulated TeleMessage, whole or with a fault.
 *
 * @module
 */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FaultEffect } from './faults.ts';

/** An answer before any fault. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytes: number;
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/**
 * @param value - The body.
 * @returns a JSON answer.
 */
export function jsonAnswer(status: number, value: unknown): Answer {
  const body = Buffer.from(JSON.stringify(value));
  return { status, headers: { 'content-type': 'application/json' }, bytes: body.length, open: () => [body] };
}

async function* firstBytes(chunks: ReturnType<Answer['open']>, most: number): AsyncGenerator<Uint8Array, void> {
  let left = most;
  for await (const chunk of chunks) {
    if (left <= 0) return;
    yield chunk.subarray(0, left);
    left -= chunk.length;
  }
}

async function* corrupted(chunks: ReturnType<Answer['open']>): AsyncGenerator<Uint8Array, void> {
  let whole = true;
  for await (const chunk of chunks) {
    // A copy: the chunk may be the caller's own buffer.
    const copy = Uint8Array.from(chunk);
    if (whole && copy[0] !== undefined) {
      copy[0] ^= 1;
      whole = false;
    }
    yield copy;
  }
}

/** Sends the body; a client that goes away in the middle is its own affair. */
async function send(response: ServerResponse, chunks: ReturnType<Answer['open']>, end: boolean): Promise<void> {
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), response, { end });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/**
 * @param effect - The fault, undefined for none.
 * @returns when everything that will be sent has been handed over; a stalled or silent answer is left open.
 */
export async function sendAnswer(response: ServerResponse, answer: Answer, effect?: FaultEffect): Promise<void> {
  const { bytes } = answer;
  const begin = () => response.writeHead(answer.status, { ...answer.headers, 'content-length': bytes });
  switch (effect?.type) {
    case undefined:
      begin();
      return send(response, answer.open(), true);
    case 'status': {
      const retryAfter = effect.retryAfter ?? effect.retryAfterSeconds?.toString();
      response.writeHead(effect.status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end();
      return undefined;
    }
    case 'redirect':
      response.writeHead(302, { location: effect.to }).end();
      return undefined;
    case 'truncate':
      begin().flushHeaders();
      await send(response, firstBytes(answer.open(), Math.min(effect.bytes, bytes - 1)), false);
      response.socket?.destroySoon();
      return undefined;
    case 'truncate-quietly':
      response.writeHead(answer.status, answer.headers);
      return send(response, firstBytes(answer.open(), Math.min(effect.bytes, bytes - 1)), true);
    case 'corrupt':
      begin();
      return send(response, corrupted(answer.open()), true);
    case 'stall':
      begin().flushHeaders();
      return send(response, firstBytes(answer.open(), Math.min(effect.afterBytes, bytes - 1)), false);
    case 'time-out':
      return undefined;
    case 'reset':
      response.socket?.resetAndDestroy();
      return undefined;
  }
}
