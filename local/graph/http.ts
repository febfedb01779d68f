/**
 * Reading and answering over node:http.
 *
 * @module
 */
import { createReadStream } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Answer } from './graph-error.ts';

/**
 * Reads a body that must be smaller than a limit. What is beyond the limit is read and thrown away: an answer that overtakes the body
 * would reach the client as a broken connection.
 *
 * @returns undefined for a body of `limit` bytes or more.
 * @throws Error where the client leaves before the end.
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length < limit) chunks.push(chunk);
    else chunks.length = 0;
  }
  return length < limit ? Buffer.concat(chunks, length) : undefined;
}

/** Sends an answer. */
export async function sendAnswer(response: ServerResponse, answer: Answer): Promise<void> {
  const headers = { 'cache-control': 'private', ...answer.headers };
  if (answer.file !== undefined) {
    response.writeHead(answer.status, { ...headers, 'content-type': answer.file.contentType });
    await pipeline(createReadStream(answer.file.path), response);
    return;
  }
  if (answer.body === undefined) {
    response.writeHead(answer.status, answer.status === 204 ? headers : { ...headers, 'content-length': 0 }).end();
    return;
  }
  const body = Buffer.from(JSON.stringify(answer.body));
  const contentType = 'application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8';
  response.writeHead(answer.status, { ...headers, 'content-type': contentType, 'content-length': body.length }).end(body);
}
