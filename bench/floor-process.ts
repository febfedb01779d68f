/**
 * What no design can do without: each item through a queue, into a blob and out of it, and into a mailbox. No ledger, no mapping, no
 * retry, nothing that makes it safe. Its one argument is JSON; it sends one message when it is done.
 *
 * @module
 */
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import pLimit from 'p-limit';
import { parseItem } from '../shared/item/parse-item.ts';

/** What the floor is started with. */
export interface FloorArguments {
  readonly connectionString: string;
  readonly teleMessageUrl: string;
  readonly graphUrl: string;
  readonly hops: number;
  readonly concurrency: number;
}

const { connectionString, teleMessageUrl, graphUrl, hops, concurrency } = JSON.parse(process.argv[2] ?? '') as FloorArguments;
const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('floor');
await container.createIfNotExists();
const queues = await Promise.all(
  Array.from({ length: hops }, async (_, hop) => {
    const queue = QueueServiceClient.fromConnectionString(connectionString).getQueueClient(`floor-${hop}`);
    await queue.createIfNotExists();
    return queue;
  }),
);
const json = async (response: Response) => (await response.json()) as Record<string, unknown>;
const post = (url: string, body: object, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Prefer: 'IdType="ImmutableId"', ...headers },
    body: JSON.stringify(body),
  });

const { token } = await json(await post(`${teleMessageUrl}/v1/login`, { username: 'sample', password: 'sample-password' }));
const authorization = { Authorization: `Bearer ${String(token)}` };
const list = new URL(`${teleMessageUrl}/v1/items`);
list.search = new URLSearchParams({
  from: new Date(Date.now() - 86_400_000).toISOString(),
  to: new Date(Date.now() + 60_000).toISOString(),
  archiver: 'enterprise-number',
  limit: '1000',
}).toString();
const { items } = (await json(await fetch(list, { headers: authorization }))) as unknown as { items: { id: string }[] };
const folders = new Map<string, Promise<string>>();
const folderOf = (user: string) => {
  const existing =
    folders.get(user) ??
    post(`${graphUrl}/v1.0/users/${user}/mailFolders`, { displayName: 'Floor' }).then(async (response) =>
      String((await json(response))['id']),
    );
  folders.set(user, existing);
  return existing;
};

async function move(id: string): Promise<void> {
  const blob = container.getBlockBlobClient(id);
  const response = await fetch(`${teleMessageUrl}/v1/items/${encodeURIComponent(id)}/content?archiver=enterprise-number`, {
    headers: authorization,
  });
  const incoming = Buffer.from(await response.arrayBuffer());
  await blob.upload(incoming, incoming.byteLength);
  const raw = await blob.downloadToBuffer();
  const { subject, body, from, to, attachments } = await parseItem(raw, { userEmailHeader: 'X-TELEMESSAGE-UserEmailAddress' });
  const user = from?.address ?? '';
  const created = await post(`${graphUrl}/v1.0/users/${user}/mailFolders/${encodeURIComponent(await folderOf(user))}/messages`, {
    subject,
    body,
    toRecipients: to.map((emailAddress) => ({ emailAddress })),
    attachments: attachments.map(({ name, contentType, content }) => ({
      '@odata.type': '#microsoft.graph.fileAttachment',
      name,
      contentType,
      contentBytes: Buffer.from(content).toString('base64'),
    })),
    singleValueExtendedProperties: [{ id: 'Integer 0x0E07', value: '1' }],
  });
  if (created.status !== 201) throw new Error(`the create was answered ${created.status}: ${await created.text()}`);
  await created.arrayBuffer();
}

const limit = pLimit(concurrency);
// Loading the packages and signing in is done by now, as it is for the pipeline.
const began = { at: performance.now(), cpu: process.cpuUsage() };
await limit.map(items, ({ id }) => queues[0]?.sendMessage(Buffer.from(JSON.stringify({ id })).toString('base64')));

for (const [hop, queue] of queues.entries()) {
  for (let left = items.length; left > 0;) {
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 600 });
    left -= receivedMessageItems.length;
    await limit.map(receivedMessageItems, async ({ messageId, popReceipt, messageText }) => {
      const { id } = JSON.parse(Buffer.from(messageText, 'base64').toString()) as { id: string };
      const next = queues[hop + 1];
      if (next === undefined) await move(id);
      else await next.sendMessage(messageText);
      await queue.deleteMessage(messageId, popReceipt);
    });
  }
}
const { user, system } = process.cpuUsage(began.cpu);
process.send?.({
  seconds: (performance.now() - began.at) / 1000,
  cpuMs: (user + system) / 1000,
  items: items.length,
  peakMb: process.resourceUsage().maxRSS / 1024,
});
