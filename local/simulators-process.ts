/**
 * The child process of both simulators. Its one argument is JSON ({@link SimulatorsArguments}); it sends one message when both answer.
 *
 * @module
 */
import { onStop } from './processes/exit-with-parent.ts';
import { startSimulatedGraph } from './graph/server.ts';
import { LARGE_ITEM_ID, makeLargeItem } from './large-item.ts';
import { readDirectory } from './read-directory.ts';
import { startSimulatedTeleMessage } from './telemessage/simulated-telemessage.ts';

/** What the simulators are started with. */
export interface SimulatorsArguments {
  readonly items: string;
  readonly arrivals: string;
  readonly archiver: string;
  readonly username: string;
  readonly password: string;
  /** Adds the item that is too large to be kept with the project. */
  readonly withLargeItem: boolean;
  readonly directory: string;
  readonly mailboxes: string;
}

/** Where they are. */
export interface SimulatorsMessage {
  readonly teleMessageUrl: string;
  readonly graphUrl: string;
}

const given = JSON.parse(process.argv[2] ?? '') as SimulatorsArguments;
const { items, arrivals, archiver, username, password } = given;
const teleMessage = await startSimulatedTeleMessage({
  items,
  arrivals,
  archiver,
  username,
  password,
  ...(given.withLargeItem ? { extraItems: new Map([[LARGE_ITEM_ID, makeLargeItem]]) } : {}),
});
const graph = await startSimulatedGraph({ directory: await readDirectory(given.directory), root: given.mailboxes });
onStop(async () => {
  await Promise.all([teleMessage.close(), graph.close()]);
});
process.send?.({ teleMessageUrl: teleMessage.baseUrl.href, graphUrl: graph.baseUrl } satisfies SimulatorsMessage);
