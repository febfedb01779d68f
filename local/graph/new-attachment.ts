/**
 * Checks the bodies that create attachments and upload sessions.
 *
 * @module
 */
import type { AttachmentItem, FileAttachment } from '@microsoft/microsoft-graph-types';
import { checkSchema, refuseReadOnly } from './check-schema.ts';
import { badBody, GraphError } from './graph-error.ts';
import type { GraphLimits } from './options.ts';

const READ_ONLY_OF_ATTACHMENT = ['id', 'lastModifiedDateTime', 'size', 'contentLocation'];

/** A file attachment with its bytes decoded. */
export interface NewAttachment {
  readonly name: string;
  readonly contentType: string | null;
  readonly isInline: boolean;
  readonly contentId: string | null;
  readonly content: Buffer;
}

/**
 * Reads a file attachment that the schema allows.
 *
 * @throws GraphError 400 for read-only properties or bytes that are not base64, 413 for too many of them.
 */
export function readAttachment(body: FileAttachment, limits: GraphLimits): NewAttachment {
  refuseReadOnly(body, READ_ONLY_OF_ATTACHMENT);
  const encoded = body.contentBytes ?? '';
  const content = Buffer.from(encoded, 'base64');
  if (content.toString('base64') !== encoded)
    throw badBody(`Cannot convert the contentBytes of the attachment to 'Edm.Binary': not base64.`);
  if (content.length >= limits.attachmentBytes) {
    throw new GraphError(
      413,
      'RequestEntityTooLarge',
      `The attachment has ${content.length} bytes: ${limits.attachmentBytes} or more need an upload session.`,
    );
  }
  return {
    name: body.name ?? '',
    contentType: body.contentType ?? null,
    isInline: body.isInline ?? false,
    contentId: body.contentId ?? null,
    content,
  };
}

/** Checks the body of `POST …/attachments`. */
export function readNewAttachment(body: unknown, limits: GraphLimits): NewAttachment {
  checkSchema('FileAttachment', body);
  return readAttachment(body as FileAttachment, limits);
}

/** What an upload session is opened for. */
export interface UploadItem extends Omit<NewAttachment, 'content'> {
  /** Bytes. */
  readonly size: number;
}

/**
 * Checks the body of `createUploadSession`.
 *
 * @throws GraphError for a size below or above what an upload session takes.
 */
export function readUploadItem(body: unknown, limits: GraphLimits): UploadItem {
  checkSchema('CreateUploadSession', body);
  const { name, size, contentType, isInline, contentId } = (body as { AttachmentItem: AttachmentItem }).AttachmentItem;
  const bytes = size ?? 0;
  if (bytes < limits.uploadMinimumBytes) {
    throw new GraphError(
      400,
      'ErrorAttachmentSizeShouldNotBeLessThanMinimumSize',
      `A file of ${bytes} bytes is attached by one POST to …/attachments, not by an upload session.`,
    );
  }
  if (bytes > limits.uploadBytes)
    throw new GraphError(413, 'ErrorMessageSizeExceeded', `The file has ${bytes} bytes: at most ${limits.uploadBytes} are accepted.`);
  return { name: name ?? '', size: bytes, contentType: contentType ?? null, isInline: isInline ?? false, contentId: contentId ?? null };
}
