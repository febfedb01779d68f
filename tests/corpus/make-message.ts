/**
 * Makes the messages of the corpus.
 *
 * @module
 */

/** One message, made when it is asked for. */
export interface HostileMessage {
  /** What is wrong with it; unique. */
  readonly name: string;
  /** How it ends: in Ada's mailbox, or parked. */
  readonly expect: 'imported' | 'parked';
  /** Why it is parked. */
  readonly reason?: 'unreadable' | 'too-many-participants' | 'unmapped';
  /** What must be found in the body or in an attachment. */
  readonly holds?: string | undefined;
  /** The bytes, the same at each call and fewer than 10 MB. */
  readonly bytes: () => Buffer;
}

/** Joins bytes and Latin 1 texts. */
export function joinBytes(...pieces: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)));
}

/** A MIME part: its headers, without a line end behind the last, and its content. */
export function part(headers: string, content: string): string {
  return `${headers}\r\n\r\n${content}`;
}

/**
 * An item of Ada.
 *
 * @param rest - What follows her headers: further headers, an empty line, the body. One character a byte.
 * @param options - `headers` to add; `isArchived: false` leaves TeleMessage's own out.
 */
export function item(rest: string, options: { readonly headers?: readonly string[]; readonly isArchived?: boolean } = {}): Buffer {
  const headers = [
    'From: Ada Fields 16175550101 <ada.fields@contoso.example>',
    ...(options.isArchived === false ? [] : ['X-TELEMESSAGE-MessageType: Chat']),
    ...(options.headers ?? []),
  ];
  return joinBytes(`${headers.join('\r\n')}\r\n`, rest);
}
