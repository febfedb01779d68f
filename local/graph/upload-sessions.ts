/**
 * Upload sessions of large attachments, on a host of their own as in Microsoft 365: ranges in order, the token in the address, and no
 * `Authorization` header.
 *
 * @module
 */
import { createHash, randomBytes, type Hash } from 'node:crypto';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import type { Disk } from './disk.ts';
import { badBody, GraphError, itemNotFound, type Answer } from './graph-error.ts';
import { param, type GraphRequest } from './graph-request.ts';
import type { Mailbox } from './mailbox.ts';
import type { UploadItem } from './new-attachment.ts';
import type { GraphLimits } from './options.ts';

interface Session {
  readonly token: string;
  readonly mailbox: Mailbox;
  readonly ownerId: string;
  readonly messageId: string;
  readonly item: UploadItem;
  readonly file: string;
  readonly hash: Hash;
  readonly expires: number;
  received: number;
  /** The range being written: two at once would both believe that they are next. */
  busy: Promise<unknown>;
}

/** The sessions that are open; they end with the process. */
export interface UploadSessions {
  /** Opens a session and gives Graph's `uploadSession`. */
  open(mailbox: Mailbox, ownerId: string, messageId: string, item: UploadItem): Promise<object>;
  /** `PUT` of a range. */
  put(request: GraphRequest): Promise<Answer>;
  /** `GET`: what is expected next. */
  status(request: GraphRequest): Answer;
  /** `DELETE`. */
  cancel(request: GraphRequest): Promise<Answer>;
}

const RANGE = /^bytes (\d{1,12})-(\d{1,12})\/(\d{1,12})$/;

/** @param origin - Of the upload host, known once it listens. */
export function createUploadSessions(disk: Disk, limits: GraphLimits, origin: () => string): UploadSessions {
  const sessions = new Map<string, Session>();

  async function end(id: string, session: Session): Promise<void> {
    sessions.delete(id);
    await rm(session.file, { force: true });
  }

  function find(request: GraphRequest): { id: string; session: Session } {
    if (request.headers.authorization !== undefined) {
      throw new GraphError(401, 'InvalidAuthenticationToken', 'The upload address carries its own token: send no Authorization header.');
    }
    const id = param(request, 'session');
    const session = sessions.get(id);
    if (session === undefined || session.token !== request.query.get('authtoken') || session.expires <= Date.now()) throw itemNotFound();
    return { id, session };
  }

  function addressOf(session: Session, last: string): string {
    return `${origin()}/api/v2.0/Users('${session.ownerId}')/Messages('${session.messageId}')/${last}`;
  }

  async function write(id: string, session: Session, request: GraphRequest): Promise<Answer> {
    const range = RANGE.exec(request.headers['content-range'] ?? '');
    if (range === null) throw badBody('Content-Range must be "bytes {start}-{end}/{total}".');
    const [start, last, total] = range.slice(1).map(Number) as [number, number, number];
    if (total !== session.item.size)
      throw badBody(`The session was opened for ${session.item.size} bytes, the Content-Range says ${total}.`);
    if (last < start || last >= total) throw badBody('The Content-Range is empty or reaches beyond the end of the file.');
    if (last - start + 1 !== request.body.length)
      throw badBody(`The Content-Range says ${last - start + 1} bytes, ${request.body.length} were sent.`);
    if (start !== session.received) {
      throw new GraphError(416, 'ErrorInvalidRange', `Ranges must be sent in order: the next one starts at ${session.received}.`);
    }
    await appendFile(session.file, request.body);
    session.hash.update(request.body);
    session.received += request.body.length;
    if (session.received < total) {
      // The upload host writes these names with capitals, other than Graph: so Microsoft's walkthrough of large attachments shows them.
      return {
        status: 200,
        body: { ExpirationDateTime: new Date(session.expires).toISOString(), NextExpectedRanges: [String(session.received)] },
      };
    }
    sessions.delete(id);
    const { name, contentType, isInline, contentId, size } = session.item;
    const uploaded = { name, contentType, isInline, contentId, size, temporaryPath: session.file, sha256: session.hash.digest('hex') };
    try {
      const stored = await session.mailbox.addAttachment(session.messageId, uploaded);
      // The body of the last answer is empty; the id of the attachment is in Location only.
      return { status: 201, headers: { location: addressOf(session, `Attachments('${stored.id}')`) } };
    } finally {
      // Where the message is gone by now, the bytes have no place to go.
      await rm(session.file, { force: true });
    }
  }

  return {
    async open(mailbox, ownerId, messageId, item) {
      for (const [id, session] of sessions) if (session.expires <= Date.now()) await end(id, session);
      const id = `AAMkAD${randomBytes(12).toString('base64url')}=`;
      const session: Session = {
        token: randomBytes(32).toString('base64url'),
        mailbox,
        ownerId,
        messageId,
        item,
        file: disk.temporaryPath(),
        hash: createHash('sha256'),
        expires: Date.now() + limits.uploadSessionMs,
        received: 0,
        busy: Promise.resolve(),
      };
      await writeFile(session.file, '');
      sessions.set(id, session);
      return {
        uploadUrl: `${addressOf(session, `AttachmentSessions('${id}')`)}?authtoken=${session.token}`,
        expirationDateTime: new Date(session.expires).toISOString(),
        nextExpectedRanges: ['0-'],
      };
    },
    put(request) {
      const { session } = find(request);
      const written = session.busy.then(() => {
        const { id } = find(request);
        return write(id, session, request);
      });
      // A failed range has been reported to its own caller.
      session.busy = written.catch(() => undefined);
      return written;
    },
    status(request) {
      const { session } = find(request);
      return {
        status: 200,
        body: { expirationDateTime: new Date(session.expires).toISOString(), nextExpectedRanges: [String(session.received)] },
      };
    },
    async cancel(request) {
      const { id, session } = find(request);
      await session.busy;
      await end(id, session);
      return { status: 204 };
    },
  };
}
