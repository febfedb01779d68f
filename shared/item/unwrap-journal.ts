/**
 * Takes the original out of a journal envelope, and out of nothing else.
 *
 * @module
 */
import { locateParts, type LocatedMessage, type Part } from './locate-parts.ts';
import { findLineBreak, readHeader } from './read-header.ts';

/** Every header that TeleMessage writes starts so, whatever its case. */
export const TELEMESSAGE_PREFIX = 'x-telemessage-';

/** A journal of a journal exists (two systems in a row); more is not mail. */
const LEVELS = 2;

/** The message that an item is about. */
export interface Unwrapped {
  readonly message: LocatedMessage;
  /** Files of the envelopes beside the original: they are no part of it, but must not be lost. */
  readonly envelopeFiles: readonly Part[];
}

function isMessage(part: Part): boolean {
  return part.type.value === 'message/rfc822';
}

function isTeleMessage(part: Part): boolean {
  const content = part.content();
  return readHeader(content, 0, findLineBreak(content)).fields.hasPrefix(TELEMESSAGE_PREFIX);
}

function isFile(part: Part): boolean {
  return part.disposition.value === 'attachment' || !(part.type.value === 'text/plain' || part.type.value === 'text/html');
}

/**
 * Unwraps an envelope: a message without any `X-TELEMESSAGE-*` header and exactly one message/rfc822 part that has one. An item that has
 * such headers itself is never unwrapped; a mail forwarded inside a chat is one of its attachments.
 *
 * @returns the original, or the message itself where it is no envelope.
 * @throws PermanentError `unreadable` where the original exceeds a limit.
 */
export function unwrapJournal(message: LocatedMessage, levels = LEVELS): Unwrapped {
  const itself = { message, envelopeFiles: [] };
  if (levels === 0 || message.header.fields.hasPrefix(TELEMESSAGE_PREFIX)) return itself;
  const messages = message.parts.filter(isMessage);
  const originals = messages.filter(isTeleMessage);
  // Without any, the only message may be the inner envelope.
  const chosen = originals.length === 0 && messages.length === 1 ? messages[0] : originals.length === 1 ? originals[0] : undefined;
  if (chosen === undefined) return itself;
  const inner = unwrapJournal(locateParts(chosen.content()), levels - 1);
  if (!inner.message.header.fields.hasPrefix(TELEMESSAGE_PREFIX)) return itself;
  const files = message.parts.filter((part) => part !== chosen && isFile(part));
  return { message: inner.message, envelopeFiles: [...inner.envelopeFiles, ...files] };
}
