/**
 * Reads the body of an item out of its text parts. What is too long for a create request is never turned into one long text.
 *
 * @module
 */
import { limits } from '../limits.ts';
import { cleanText, decodeBytes } from './decode-text.ts';
import { isBlankHtml } from './is-blank-html.ts';
import type { Part } from './locate-parts.ts';
import { nameAttachment, readFileName } from './name-attachment.ts';
import type { ItemAttachment, ItemBody } from './parsed-item.ts';

/** The text of an item as it is shown, and the texts that are too long to be shown. */
export interface ReadBody {
  readonly body: ItemBody;
  /** Byte for byte as they came, in order; the body says of each that it is attached. */
  readonly longTexts: readonly ItemAttachment[];
}

function isHtml(part: Part): boolean {
  return part.type.value === 'text/html';
}

function textToHtml(text: string): string {
  const escaped = text.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;' })[character] ?? '&gt;');
  return `<div>${escaped.replaceAll('\n', '<br>')}</div>`;
}

function decodeLines(part: Part, content: Buffer): string {
  return cleanText(decodeBytes(content, part.type.parameters.get('charset')).replace(/\r\n?/g, '\n'));
}

/** Whether HTML is worth more than the plain text beside it: it shows something, and it is short enough to be shown. */
function isShown(part: Part): boolean {
  const content = part.content();
  return content.length <= limits.inlineBodyBytes && !isBlankHtml(decodeLines(part, content));
}

/**
 * Of a multipart/alternative the alternatives with HTML are taken, whole: what an HTML text has beside it is no twin of it. Where no HTML
 * shows anything, the other texts are taken, and HTML that is too long is attached beside them.
 */
function chooseTexts(texts: readonly Part[]): Part[] {
  const groups = new Map<object, Part[]>();
  for (const part of texts) {
    const key = part.alternative ?? part;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [part]);
    else group.push(part);
  }
  return [...groups.values()].flatMap((group) => {
    if (group.length === 1) return group;
    const rich = new Set(group.filter((part) => isHtml(part) && isShown(part)).map((part) => part.alternativeIndex));
    if (rich.size > 0) return group.filter((part) => rich.has(part.alternativeIndex));
    const others = group.filter((part) => !isHtml(part) || part.content().length > limits.inlineBodyBytes);
    return others.length > 0 ? others : group;
  });
}

function attachText(part: Part, content: Buffer, charset: string | undefined): ItemAttachment {
  const type = part.type.value;
  const name = nameAttachment(readFileName(part, charset) ?? (isHtml(part) ? 'message-body.html' : 'message-body.txt'), 1, type);
  const label = /^[\w.:+-]{1,40}$/.exec(part.type.parameters.get('charset') ?? '')?.[0];
  return { name, contentType: label === undefined ? type : `${type}; charset=${label.toLowerCase()}`, content, isInline: false };
}

/**
 * Reads the body. Line ends become LF. Charset errors become replacement characters; the raw item stays the evidence.
 *
 * Texts of more than `limits.inlineBodyBytes` together are attached as they are: 46 MB of `&` and line breaks, escaped for HTML, end the
 * whole process (V8: invalid size error), and no mailbox would have shown them.
 *
 * @param charset - Charset of the item's text, for raw 8-bit names.
 */
export function readBody(texts: readonly Part[], charset?: string): ReadBody {
  const longTexts: ItemAttachment[] = [];
  const pieces: { text: string; isHtml: boolean }[] = [];
  let left: number = limits.inlineBodyBytes;
  for (const part of chooseTexts(texts)) {
    const content = part.content();
    if (content.length > left) {
      const attachment = attachText(part, content, charset);
      longTexts.push(attachment);
      pieces.push({
        text: `A text of this message is too long to be shown here. It is attached whole as ${attachment.name}.`,
        isHtml: false,
      });
      continue;
    }
    left -= content.length;
    pieces.push({ text: decodeLines(part, content), isHtml: isHtml(part) });
  }
  const asHtml = pieces.some((piece) => piece.isHtml);
  const content = pieces.map((piece) => (asHtml && !piece.isHtml ? textToHtml(piece.text) : piece.text)).join('\n');
  return { body: { contentType: asHtml ? 'html' : 'text', content }, longTexts };
}
