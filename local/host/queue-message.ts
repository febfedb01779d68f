/**
 * What a queue message looks like to a function: its text, and the metadata of its trigger.
 *
 * @module
 */
import type { DequeuedMessageItem } from '@azure/storage-queue';
import type { TypedData } from './core-types.ts';

/**
 * Decodes a message's text.
 *
 * @param encoding - `messageEncoding` of host.json.
 * @returns undefined for text that is not base64 although it should be. Plain text that happens to be base64 is decoded, into garbage.
 */
export function decodeMessageText(text: string, encoding: 'base64' | 'none'): string | undefined {
  if (encoding === 'none') {
    return text;
  }
  // As strict as .NET's Convert.FromBase64String, which skips white space; Node's own decoder takes anything.
  const base64 = text.replace(/[ \t\r\n]/g, '');
  const isBase64 = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  return isBase64 ? Buffer.from(base64, 'base64').toString('utf8') : undefined;
}

/**
 * Makes the trigger metadata of a message.
 *
 * The top-level properties of a JSON object in the message lie over the real ones, whatever their case, as in the real host: a message with an
 * `id` hides the message's id.
 *
 * @param text - The decoded text.
 */
export function queueTriggerMetadata(message: DequeuedMessageItem, text: string): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {
    QueueTrigger: { string: text },
    Id: { string: message.messageId },
    PopReceipt: { string: message.popReceipt },
    DequeueCount: { int: message.dequeueCount },
    InsertionTime: json(message.insertedOn),
    ExpirationTime: json(message.expiresOn),
    NextVisibleTime: json(message.nextVisibleOn),
  };
  const keys = new Map(Object.keys(metadata).map((key) => [key.toLowerCase(), key]));
  for (const [name, value] of Object.entries(readJsonObject(text))) {
    const key = keys.get(name.toLowerCase()) ?? name;
    keys.set(name.toLowerCase(), key);
    // defineProperty, because a message may name a property __proto__.
    Object.defineProperty(metadata, key, {
      value: typeof value === 'string' ? { string: value } : json(value),
      configurable: true,
      enumerable: true,
      writable: true,
    });
  }
  return metadata;
}

function json(value: unknown): TypedData {
  return { json: JSON.stringify(value) };
}

function readJsonObject(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {}; // Text that is not JSON is a good message too; it only has no properties.
  }
}
