/**
 * Sorts the parts of an item into its text and its files.
 *
 * @module
 */
import type { Part } from './locate-parts.ts';
import { nameAttachment, readFileName } from './name-attachment.ts';
import type { ItemAttachment, ItemBody } from './parsed-item.ts';
import { percentDecode } from './structured-header.ts';

/** Text parts and files of an item, each in order. */
export interface SortedParts {
  readonly texts: readonly Part[];
  readonly files: readonly Part[];
}

/**
 * Tells text from files. Text is `text/plain` and `text/html` that is not called an attachment and has no file name; a mere `name`, which
 * MMS gateways give to the message text, is accepted on the first text.
 */
export function sortParts(parts: readonly Part[]): SortedParts {
  const texts: Part[] = [];
  const files: Part[] = [];
  for (const part of parts) {
    const isText = part.type.value === 'text/plain' || part.type.value === 'text/html';
    const isFile =
      part.disposition.value === 'attachment' ||
      part.disposition.parameters.has('filename') ||
      (part.type.parameters.has('name') && texts.length > 0);
    (isText && !isFile ? texts : files).push(part);
  }
  return { texts, files };
}

/** The charset that an item's text names; its headers use the same where they hold raw 8-bit text. */
export function findCharset(texts: readonly Part[]): string | undefined {
  return texts.map((part) => part.type.parameters.get('charset')).find((charset) => charset !== undefined);
}

/** Content-IDs that the HTML shows in place, read in one pass however many attachments there are. */
function findShownIds(body: ItemBody): Set<string> {
  const ids = new Set<string>();
  if (body.contentType !== 'html') return ids;
  for (const [, id = ''] of body.content.matchAll(/\bcid:([^"'\s<>)]{1,255})/gi)) {
    ids.add(id);
    ids.add(percentDecode(id).toString());
  }
  return ids;
}

function readContentId(part: Part): string | undefined {
  return /^<?([!-;=?-~]{1,255})>?$/.exec(part.fields.first('content-id') ?? '')?.[1];
}

/**
 * Reads the files, byte for byte. One is inline only where the HTML shows it: mail programs hide inline attachments, and a picture that no
 * text refers to would not be seen at all.
 */
export function readAttachments(files: readonly Part[], body: ItemBody, charset?: string): ItemAttachment[] {
  const shown = findShownIds(body);
  return files.map((part, index) => {
    const contentId = readContentId(part);
    return {
      name: nameAttachment(readFileName(part, charset), index + 1, part.type.value),
      contentType: part.type.value,
      content: part.content(),
      contentId,
      isInline: contentId !== undefined && part.disposition.value !== 'attachment' && shown.has(contentId),
    };
  });
}
