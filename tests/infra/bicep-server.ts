/**
 * The Bicep CLI as a server (JSON-RPC on its standard input and output): evaluating a changed template takes a fraction of a new process's time.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { bicepCli, place, tenantValues, type Deployment } from './bicep.ts';

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A running server. */
export interface BicepServer {
  /**
   * Evaluates a parameter file.
   *
   * @param folder - Copy of infra/; each change needs a copy of its own, because the server remembers files.
   * @throws Error with Bicep's own words where the files do not compile.
   */
  readonly evaluate: (folder: string, environment: string) => Promise<Deployment>;
  /** Ends it. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a server.
 *
 * @param values - Environment variables for the parameter files, other than the usual ones.
 */
export function startBicepServer(values: Readonly<Record<string, string>> = {}): BicepServer {
  if (bicepCli === undefined) throw new Error('there is no Bicep CLI; skipWithout should have said so');
  const child = spawn(bicepCli, ['jsonrpc', '--stdio'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...tenantValues, ...values },
  });
  const exited = once(child, 'exit');
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let received = Buffer.alloc(0);
  let lastId = 0;

  child.stdout.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    for (;;) {
      const headerEnd = received.indexOf('\r\n\r\n');
      const length = Number(/Content-Length: (\d+)/.exec(received.subarray(0, Math.max(headerEnd, 0)).toString())?.[1]);
      if (headerEnd < 0 || received.length < headerEnd + 4 + length) return;
      const answer = JSON.parse(received.subarray(headerEnd + 4, headerEnd + 4 + length).toString()) as Answer;
      received = received.subarray(headerEnd + 4 + length);
      const caller = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (answer.error === undefined) caller?.resolve(answer.result);
      else caller?.reject(new Error(answer.error.message));
    }
  });
  void exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('the Bicep server has ended'));
  });

  const call = (method: string, params: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, { resolve, reject });
      const body = JSON.stringify({ jsonrpc: '2.0', id: lastId, method, params });
      child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });

  return {
    evaluate: async (folder, environment) => {
      const { snapshot } = (await call('bicep/getSnapshot', {
        path: join(folder, `${environment}.bicepparam`),
        metadata: { ...place, resourceGroup: null },
        externalInputs: null,
      })) as { snapshot: string };
      const { contents } = (await call('bicep/compile', { path: join(folder, 'main.bicep') })) as { contents: string };
      return { ...(JSON.parse(snapshot) as Deployment), template: JSON.parse(contents) as unknown };
    },
    close: async () => {
      child.stdin.end();
      child.kill();
      await exited;
    },
  };
}

/** Evaluates a parameter file of the project. */
export async function evaluate(folder: string, environment: string, values: Readonly<Record<string, string>> = {}): Promise<Deployment> {
  const server = startBicepServer({ AZURE_ENV_NAME: environment, ...values });
  try {
    return await server.evaluate(folder, environment);
  } finally {
    await server.close();
  }
}
