/**
 * The child process in which Azurite runs. Its one argument is the folder, or nothing for storage in memory; it sends one message when
 * all three services answer.
 *
 * @module
 */
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { onStop } from '../processes/exit-with-parent.ts';
import { loadAzurite } from './load-azurite.ts';
import type { AzuriteServer } from './load-azurite.ts';

const folder = process.argv[2];
if (folder !== undefined) {
  await mkdir(folder, { recursive: true });
}
const { blob, queue, table, accountName, accountKey } = loadAzurite(folder);
const servers = [blob, queue, table];

// Also when the parent was killed: what is still only in memory (Azurite saves every 5 s) goes to the folder.
onStop(async () => {
  await Promise.all(servers.map((server) => server.close()));
});
await Promise.all(servers.map((server) => server.start()));

const endpoint = (server: AzuriteServer): string =>
  `http://127.0.0.1:${String((server.httpServer.address() as AddressInfo).port)}/${accountName}`;
const connectionString = [
  'DefaultEndpointsProtocol=http',
  `AccountName=${accountName}`,
  `AccountKey=${accountKey}`,
  `BlobEndpoint=${endpoint(blob)}`,
  `QueueEndpoint=${endpoint(queue)}`,
  `TableEndpoint=${endpoint(table)}`,
].join(';');

for (const server of servers) {
  // Any answer will do: an unsigned request is refused, by a server that works.
  await fetch(endpoint(server));
}
const requests = { blob: 0, queue: 0, table: 0 };
for (const [service, server] of Object.entries({ blob, queue, table })) {
  server.httpServer.on('request', () => (requests[service as keyof typeof requests] += 1));
}
process.on('message', (message) => {
  if (typeof message === 'object' && message !== null && 'kind' in message && message.kind === 'requests') process.send?.({ requests });
});
process.send?.({ connectionString });
