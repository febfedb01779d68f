/**
 * The real Bicep CLI for the tests: where it is, how it is run, and the template evaluated into the resources that Azure would get.
 *
 * @module
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** Folder of the Bicep files. */
export const infraFolder = join(import.meta.dirname, '../../infra');

/** One resource as Azure would get it; what only Azure knows stands there as an expression in brackets. */
export interface Resource {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly condition?: string;
  readonly [property: string]: unknown;
}

/** The template of one parameter file, evaluated. */
export interface Deployment {
  readonly predictedResources: readonly Resource[];
  readonly diagnostics: readonly unknown[];
  readonly outputs: Readonly<Record<string, unknown>>;
  /** The compiled template that it was evaluated from. */
  readonly template?: unknown;
}

/** What a program printed and how it ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const candidates = [
  process.env['BICEP'] ?? '',
  join(infraFolder, '.tools/bicep'),
  ...(process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'bicep')),
];

/** The Bicep CLI, or undefined where there is none. */
export const bicepCli = candidates.find((path) => path !== '' && existsSync(path));

/** The engine for the PowerShell script, or undefined where there is none. */
export const powershellEngine = [join(infraFolder, '.tools/powershell/run-powershell.dll')].find((path) => existsSync(path));

/**
 * Whether a suite has to be skipped for want of a tool, and why.
 *
 * @throws Error where `CI` is `true`, so that nobody takes a skip for a pass.
 */
export function skipWithout(tool: string | undefined, what: string): string | false {
  if (tool !== undefined) return false;
  const reason = `${what} is not here: run infra/restore-bicep.sh (it needs the .NET SDK 10)`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  return reason;
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<Outcome> {
  // A program that reads no input may be gone before it could be written.
  const input = options.input === undefined ? 'ignore' : 'pipe';
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [input, 'pipe', 'pipe'],
  }) as ChildProcessByStdio<Writable | null, Readable, Readable>;
  child.stdin?.end(options.input);
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** Values that stand in for a tenant's own, the same on every machine. */
export const tenantValues = {
  AZURE_ENV_NAME: 'prod',
  AZURE_LOCATION: 'westeurope',
  TELEMESSAGE_BASE_URL: 'https://telemessage.example.com/archive',
  TELEMESSAGE_USERNAME: 'archiver',
  TELEMESSAGE_PASSWORD: 'canary-password',
  SIGN_IN_CLIENT_ID: '33333333-3333-3333-3333-333333333333',
  OPERATOR_GROUP_ID: '44444444-4444-4444-4444-444444444444',
  OPERATOR_IP_RANGES: '',
  ALERT_EMAILS: 'operators@example.com',
  RETENTION_LOCKED: 'false',
};

/** Where the deployment is taken to happen. */
export const place = {
  tenantId: '22222222-2222-2222-2222-222222222222',
  subscriptionId: '11111111-1111-1111-1111-111111111111',
  location: 'westeurope',
  deploymentName: 'archiver',
};

const placeOptions = [
  `--tenant-id=${place.tenantId}`,
  `--subscription-id=${place.subscriptionId}`,
  `--location=${place.location}`,
  `--deployment-name=${place.deploymentName}`,
];

/** Runs the Bicep CLI. */
export async function bicep(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd: string = infraFolder,
): Promise<Outcome> {
  if (bicepCli === undefined) throw new Error('there is no Bicep CLI; skipWithout should have said so');
  return run(bicepCli, args, { env, cwd });
}

/** Copies the Bicep files into a folder of their own, which is removed in the end. */
export async function inCopy<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-infra-'));
  try {
    await cp(infraFolder, folder, { recursive: true, filter: (path) => !['.tools', 'golden'].includes(basename(path)) });
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Evaluates a parameter file in a copy of the Bicep files.
 *
 * @param environment - `prod` or `dev`.
 * @returns the text of the snapshot.
 * @throws Error with Bicep's own words where the files do not compile.
 */
export async function takeSnapshot(folder: string, environment: string): Promise<string> {
  const outcome = await bicep(['snapshot', join(folder, `${environment}.bicepparam`), '--mode', 'overwrite', ...placeOptions], {
    ...tenantValues,
    AZURE_ENV_NAME: environment,
  });
  if (outcome.code !== 0) throw new Error(`bicep snapshot: ${outcome.stdout}${outcome.stderr}`);
  const snapshot = JSON.parse(await readFile(join(folder, `${environment}.snapshot.json`), 'utf8')) as Deployment;
  // Bicep writes the outputs in another order each time.
  const outputs = Object.fromEntries(Object.entries(snapshot.outputs).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ ...snapshot, outputs }, undefined, 2)}\n`;
}
