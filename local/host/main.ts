/**
 * The process in which a functions host runs, started by `startHostProcess`. Its one argument is JSON ({@link HostArguments}); its environment are the
 * app settings. It talks over IPC: see host-messages.ts.
 *
 * @module
 */
import { onStop } from '../processes/exit-with-parent.ts';
import type { HostArguments, HostCommand, HostMessage } from './host-messages.ts';
import { startHost } from './start-host.ts';

function send(message: HostMessage): void {
  if (process.connected) {
    process.send?.(message);
  }
}

function die(what: string, error: unknown): void {
  // The parent reports our last lines on stderr with our end. As in Azure, every invocation under way is lost and its message has used up a try.
  console.error(`${what}; the functions host ends: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(1);
}
process.on('uncaughtException', (error) => die('an error was thrown outside of every invocation', error));
process.on('unhandledRejection', (reason) => die('a promise was rejected and nobody handled it', reason));

const { graceMs, ...options } = JSON.parse(process.argv[2] ?? '') as HostArguments;
const environment: Record<string, string> = {};
for (const [name, value] of Object.entries(process.env)) {
  environment[name] = value ?? '';
}
const host = await startHost({
  ...options,
  environment,
  connectionString: environment['AzureWebJobsStorage'] ?? '',
  onEvent: (event) => send({ kind: 'event', event }),
});

onStop(async (reason) => {
  // With the parent the storage and the simulators are gone, so invocations cannot end well: nothing is worth waiting for.
  const { unfinished } = await host.stop(reason === 'asked' ? graceMs : 0);
  if (unfinished > 0) {
    throw new Error(`the functions host was stopped with ${String(unfinished)} invocations under way`);
  }
});

async function obey(command: HostCommand): Promise<void> {
  try {
    await (command.kind === 'trigger' ? host.trigger(command.name, { isPastDue: command.isPastDue }) : host.drain());
    send({ kind: 'answer', id: command.id, error: undefined });
  } catch (error) {
    send({ kind: 'answer', id: command.id, error: error instanceof Error ? error.message : String(error) });
  }
}
process.on('message', (message) => {
  if (typeof message === 'object' && message !== null) {
    void obey(message as HostCommand);
  }
});
send({ kind: 'ready', functions: host.functions, httpUrl: host.httpUrl });
