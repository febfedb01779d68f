/**
 * Delivers items through Graph's JSON create: one request for an item without large attachments, a hidden staging folder for the others.
 *
 * @module
 */
import type { ArchiverProfile } from '../archivers.ts';
import { PermanentError, RetryAfterError, TransientError } from '../errors.ts';
import { limits } from '../limits.ts';
import { createFolder, type MailboxFolder } from './archive-folder.ts';
import { attachmentsAreWhole, type HeldAttachment } from './compare-attachments.ts';
import { composeMessage, ITEM_KEY_PROPERTY, type ComposedMessage } from './compose-message.ts';
import type { Graph } from './graph-client.ts';
import { InDoubtError } from './graph-errors.ts';
import type { Mailbox } from './mailbox.ts';
import type { MailboxCopy, MailboxImporter, StillOurs } from './mailbox-importer.ts';
import type { FindMailbox } from './directory.ts';
import { nextPage, type Page } from './next-page.ts';
import { compareCopy, readCopy } from './verify-copy.ts';
import { uploadAttachment } from './upload-attachment.ts';

interface GraphItem {
  readonly id: string;
}

/**
 * Makes the importer of one archiver.
 *
 * @param findMailbox - Whose an address is, for a copy that is read back with another address of the same user.
 */
export function createGraphImporter(
  graph: Graph,
  findMailbox: FindMailbox,
  profile: ArchiverProfile,
  attachOriginal: boolean,
): MailboxImporter<ComposedMessage> {
  const archive = createFolder(graph, profile.folder, false);
  const staging = createFolder(graph, `${profile.folder} (staging)`, true);
  const user = (mailbox: Mailbox) => `/users/${encodeURIComponent(mailbox.id)}`;

  const createIn = async (folder: MailboxFolder, mailbox: Mailbox, composed: ComposedMessage, before: StillOurs): Promise<string> => {
    for (let again = true; ; again = false) {
      const folderId = await folder.in(mailbox);
      const created = await graph.request<GraphItem>({
        method: 'POST',
        path: `${user(mailbox)}/mailFolders/${encodeURIComponent(folderId)}/messages`,
        headers: { 'Content-Type': 'application/json' },
        body: composed.json,
        mailboxId: mailbox.id,
        purpose: 'create the item',
        timeoutMs: limits.createMs,
        before,
        accept: (_status, code) => again && code === 'ErrorItemNotFound',
      });
      if (created !== undefined) return created.id;
      // The user deleted the folder since we last saw it.
      folder.forget(mailbox);
    }
  };

  const remove = async (mailbox: Mailbox, messageId: string, before?: StillOurs): Promise<void> => {
    await graph.request({
      method: 'DELETE',
      path: `${user(mailbox)}/messages/${encodeURIComponent(messageId)}`,
      mailboxId: mailbox.id,
      purpose: 'remove an unfinished item from the staging folder',
      ...(before === undefined ? {} : { before }),
      accept: (_status, code) => code === 'ErrorItemNotFound',
    });
  };

  const verifyAttachments = async (mailbox: Mailbox, messageId: string, composed: ComposedMessage): Promise<void> => {
    const held: HeldAttachment[] = [];
    let path: string | undefined = `${user(mailbox)}/messages/${encodeURIComponent(messageId)}/attachments?$select=name,size&$top=100`;
    while (path !== undefined) {
      const page: Page<HeldAttachment> | undefined = await graph.request({
        method: 'GET',
        path,
        mailboxId: mailbox.id,
        purpose: 'list the attachments of an item',
      });
      held.push(...(page?.value ?? []));
      path = nextPage(page);
    }
    if (!attachmentsAreWhole(held, composed.attachments))
      throw new TransientError('The attachments of an uploaded item are not all there.');
  };

  const createStaged = async (mailbox: Mailbox, composed: ComposedMessage, before: StillOurs): Promise<MailboxCopy> => {
    // Asked first, so that its failure leaves nothing behind.
    const destinationId = await archive.in(mailbox);
    const messageId = await createIn(staging, mailbox, composed, before);
    let isMoving = false;
    try {
      for (const attachment of composed.uploads) await uploadAttachment(graph, mailbox, messageId, attachment, before);
      await verifyAttachments(mailbox, messageId, composed);
      isMoving = true;
      const moved = await graph.request<GraphItem>({
        method: 'POST',
        path: `${user(mailbox)}/messages/${encodeURIComponent(messageId)}/move`,
        body: { destinationId },
        mailboxId: mailbox.id,
        purpose: 'move the item into the archive folder',
        before,
      });
      return { messageId: moved?.id ?? messageId };
    } catch (error) {
      // A move whose end nobody saw may have made the copy: the next attempt looks for it before it removes anything.
      if (isMoving && error instanceof InDoubtError) throw error;
      try {
        await remove(mailbox, messageId);
      } catch (removal) {
        const throttled = [error, removal].find((one) => one instanceof RetryAfterError);
        const message = 'An upload broke off and left an unfinished item, which the next attempt removes.';
        throw new InDoubtError(message, true, error, throttled?.delayMs);
      }
      // Nothing of it was visible in the archive folder, so the create is not in doubt.
      throw error instanceof InDoubtError ? new TransientError(error.message, { cause: error.cause }) : error;
    }
  };

  const findIn = async (folderId: string, mailbox: Mailbox, contentKey: string): Promise<readonly GraphItem[]> => {
    const filter = `singleValueExtendedProperties/any(ep: ep/id eq '${ITEM_KEY_PROPERTY}' and ep/value eq '${contentKey}')`;
    const found = await graph.request<{ readonly value: readonly GraphItem[] }>({
      method: 'GET',
      path: `${user(mailbox)}/mailFolders/${encodeURIComponent(folderId)}/messages?$filter=${encodeURIComponent(filter)}&$select=id`,
      mailboxId: mailbox.id,
      // A folder that is gone by now is asked for again with the next try: nothing found in it says nothing.
      purpose: 'look for a copy of the item',
    });
    return found?.value ?? [];
  };

  return {
    compose: (item) => composeMessage(item, profile, attachOriginal),

    async create(mailbox, composed, stillOurs) {
      if (composed.uploads.length > 0) return createStaged(mailbox, composed, stillOurs);
      return { messageId: await createIn(archive, mailbox, composed, stillOurs) };
    },

    async verify(mailbox, copy, composed) {
      const held = await readCopy(graph, mailbox, copy.messageId, composed);
      const differences = held === undefined ? ['missing'] : await compareCopy(findMailbox, held, composed);
      if (differences.length === 0) return;
      throw new PermanentError('verification-failed', `The copy in the mailbox is not what was sent: ${differences.join(', ')}.`);
    },

    async find(mailbox, composed, stillOurs) {
      const folderId = await archive.existingIn(mailbox);
      const [copy] = folderId === undefined ? [] : await findIn(folderId, mailbox, composed.contentKey);
      // Also where nothing is uploaded now: the earlier attempt may have had to, under another ATTACH_ORIGINAL.
      const stagingId = await staging.existingIn(mailbox);
      for (const left of stagingId === undefined ? [] : await findIn(stagingId, mailbox, composed.contentKey)) {
        await remove(mailbox, left.id, stillOurs);
      }
      return copy === undefined ? undefined : { messageId: copy.id };
    },
  };
}
