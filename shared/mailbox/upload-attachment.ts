/**
 * Uploads one attachment that no create request can carry, in ranges, going on where an interrupted range ended.
 *
 * @module
 */
import { TransientError, PermanentError } from '../errors.ts';
import { isLoopback } from '../config.ts';
import type { ItemAttachment } from '../item/parsed-item.ts';
import { limits } from '../limits.ts';
import { fileAttachment } from './compose-message.ts';
import type { Graph } from './graph-client.ts';
import { graphError } from './graph-errors.ts';
import type { Mailbox } from './mailbox.ts';
import type { StillOurs } from './mailbox-importer.ts';

/** Below this an attachment goes in one request; Graph makes upload sessions for larger ones. Source: Graph, "attach large files". */
const SESSION_BYTES = 3 * 1024 * 1024;
const TRIES_PER_RANGE = 3;
/** What upload hosts answer for a session that has ended, and for a range that has arrived already. Source: OneDrive API, "createUploadSession". */
const SESSION_TROUBLE = new Set([404, 410, 416]);
const PURPOSE = 'take a large attachment';

/** Graph writes the name small where a session is made, and the upload host with a capital. Source: Graph, "attach large files to messages". */
interface UploadProgress {
  readonly nextExpectedRanges?: readonly string[];
  readonly NextExpectedRanges?: readonly string[];
}

/**
 * Adds an attachment to a message in the staging folder.
 *
 * @param before - Called right before each request that changes something.
 * @throws as judged in graph-errors.ts, and what `before` throws.
 */
export async function uploadAttachment(
  graph: Graph,
  mailbox: Mailbox,
  messageId: string,
  attachment: ItemAttachment,
  before: StillOurs,
): Promise<void> {
  const path = `/users/${encodeURIComponent(mailbox.id)}/messages/${encodeURIComponent(messageId)}/attachments`;
  const common = { method: 'POST', mailboxId: mailbox.id, purpose: PURPOSE, timeoutMs: limits.createMs, before } as const;
  const { name, contentType, content, contentId, isInline } = attachment;
  const size = content.byteLength;
  if (size < SESSION_BYTES) {
    await graph.request({ ...common, path, body: fileAttachment(attachment) });
    return;
  }
  const session = await graph.request<{ readonly uploadUrl: string }>({
    ...common,
    path: `${path}/createUploadSession`,
    body: {
      AttachmentItem: { attachmentType: 'file', name, size, contentType, isInline, ...(contentId === undefined ? {} : { contentId }) },
    },
  });
  const uploadUrl = new URL(session?.uploadUrl ?? '');
  if (uploadUrl.protocol !== 'https:' && !isLoopback(uploadUrl)) {
    throw new PermanentError('graph-refused', 'Microsoft Graph named an upload address that is not https.');
  }
  const lane = { mailboxId: mailbox.id, purpose: PURPOSE, before };
  for (let start = 0, failures = 0; start < size;) {
    const end = Math.min(start + limits.uploadRangeBytes, size);
    try {
      start = await graph.inLane(lane, () => putRange(uploadUrl, content.subarray(start, end), start, size));
    } catch (error) {
      failures += 1;
      if (!(error instanceof TransientError) || failures === TRIES_PER_RANGE) throw error;
      start = await graph.inLane(lane, () => expectedStart(uploadUrl, size));
    }
  }
}

/** @returns where the next range starts, in bytes; the size of the whole when the upload is finished. */
async function putRange(uploadUrl: URL, range: Uint8Array, start: number, size: number): Promise<number> {
  const answer = await send(uploadUrl, {
    method: 'PUT',
    // The address itself is the permission: Graph refuses a token here.
    headers: {
      'Content-Type': 'application/octet-stream',
      'Content-Range': `bytes ${start}-${start + range.byteLength - 1}/${size}`,
    },
    body: range as RequestInit['body'] & Uint8Array,
  });
  return answer.status === 201 ? size : nextStart(await answer.json(), size);
}

/** Asks how much of the attachment has arrived. */
async function expectedStart(uploadUrl: URL, size: number): Promise<number> {
  const answer = await send(uploadUrl, { method: 'GET' });
  return nextStart(await answer.json(), size);
}

function nextStart(answer: unknown, size: number): number {
  const { nextExpectedRanges, NextExpectedRanges } = answer as UploadProgress;
  const start = Number((nextExpectedRanges ?? NextExpectedRanges)?.[0]?.split('-')[0]);
  if (Number.isInteger(start) && start >= 0 && start <= size) return start;
  throw new TransientError('The upload host did not say which part of the attachment comes next.');
}

/** The word for the error, where the upload host gives one as Graph does. */
async function codeOf(answer: Response): Promise<string | undefined> {
  try {
    const { error } = (await answer.json()) as { readonly error?: { readonly code?: unknown } };
    return typeof error?.code === 'string' ? error.code : undefined;
  } catch {
    // Not JSON, or broken off: the status says enough.
    return undefined;
  }
}

async function send(uploadUrl: URL, request: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(uploadUrl, { ...request, redirect: 'error', signal: AbortSignal.timeout(limits.createMs) });
  } catch (error) {
    throw graphError(PURPOSE, { cause: error });
  }
  if (answer.ok) return answer;
  const { status } = answer;
  const failure = graphError(PURPOSE, { status, code: await codeOf(answer), retryAfter: answer.headers.get('Retry-After') ?? undefined });
  // A session that is gone, or that has got more than we know of: what it says next, or another session, mends it.
  if (failure instanceof PermanentError && failure.reason === 'graph-refused' && SESSION_TROUBLE.has(status))
    throw new TransientError(failure.message);
  throw failure;
}
