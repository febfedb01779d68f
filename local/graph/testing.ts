/**
 * A simulated Graph for one test: its own folder, a plain client, and nothing left behind.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { startSimulatedGraph, type DirectoryUser, type SimulatedGraph, type SimulatedGraphOptions } from './server.ts';

/** An answer with its body parsed: `{}` where the body is empty. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line typescript/no-explicit-any -- tests look into answers of every form
  readonly body: any;
}

/** What a test works with. */
export interface Simulation {
  readonly graph: SimulatedGraph;
  /** Where the mailboxes are. */
  readonly root: string;
  /** Where the simulator keeps its own files. */
  readonly hidden: string;
  /** Sends a request to `/v1.0` + path; an object becomes a JSON body. `Prefer: IdType="ImmutableId"` is sent unless overridden. */
  readonly call: (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<TestAnswer>;
  /** Stops the server and starts another one on the same folder. */
  readonly restart: () => Promise<Simulation>;
}

/** The users of the tests: two with mailboxes, a guest, and one without licence. */
export const testDirectory: readonly DirectoryUser[] = [
  {
    userPrincipalName: 'ada@contoso.example',
    mail: 'Ada.Fields@contoso.example',
    proxyAddresses: ['SMTP:Ada.Fields@contoso.example', "smtp:o'ada+archive@contoso.example"],
    hasMailbox: true,
  },
  { userPrincipalName: 'ben@contoso.example', mail: 'ben@contoso.example', hasMailbox: true },
  { userPrincipalName: 'guest_partner#EXT#@contoso.example', mail: 'partner@elsewhere.example', userType: 'Guest', hasMailbox: false },
  { userPrincipalName: 'nolicence@contoso.example', hasMailbox: false },
];

/** Sends one request and parses the answer. */
export async function send(
  method: string,
  url: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<TestAnswer> {
  const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(url, {
    method,
    headers: { ...(body === undefined || body instanceof Uint8Array ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: raw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

async function simulationOn(root: string, options: Partial<SimulatedGraphOptions>, started: SimulatedGraph[]): Promise<Simulation> {
  const graph = await startSimulatedGraph({ directory: testDirectory, ...options, root });
  started.push(graph);
  return {
    graph,
    root,
    hidden: join(root, '../.mailboxes.simulator'),
    call: (method, path, body, headers) =>
      send(method, `${graph.baseUrl}/v1.0${path}`, body, { prefer: 'IdType="ImmutableId"', ...headers }),
    async restart() {
      await graph.close();
      return simulationOn(root, options, started);
    },
  };
}

/** Starts a simulated Graph in a new folder; both are gone when the test ends. */
export async function openSimulation(t: TestContext, options: Partial<SimulatedGraphOptions> = {}): Promise<Simulation> {
  const folder = await mkdtemp(join(tmpdir(), 'simulated-graph-'));
  const started: SimulatedGraph[] = [];
  t.after(async () => {
    for (const graph of started) await graph.close();
    await rm(folder, { recursive: true, force: true });
  });
  return simulationOn(join(folder, 'mailboxes'), options, started);
}
