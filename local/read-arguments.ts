/**
 * The options of `npm start`, checked before anything is started.
 *
 * @module
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** What to archive, from where, to where. */
export interface StartOptions {
  readonly items: string;
  readonly mapping: string | undefined;
  readonly directory: string;
  readonly out: string;
  readonly state: string | undefined;
  /** How many times the same day is archived. */
  readonly runs: number;
  readonly serve: boolean;
  /** The items are the sample day, to which one large item is added that is too large to be stored with the project. */
  readonly isSampleDay: boolean;
}

/** Thrown with one line for each option that cannot be used. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const usage = `npm start [-- OPTIONS]

Archives a folder of e-mail messages into simulated mailboxes, with the app as it is deployed.

  --items DIR        .eml files to archive; the file name is the item's id   (the sample day)
  --mapping FILE     custom mapping, CSV                                     (that of the sample day, with its items)
  --directory FILE   users of the directory, JSON                            (that of the sample day)
  --out DIR          for report.json and mailboxes/                          (out)
  --runs N           archive the same day N times                            (1)
  --state DIR        keep storage and mailboxes there and go on with them    (start with nothing)
  --serve            stay up afterwards
  --help

Settings of the app (MAX_ITEM_BYTES=…, ARCHIVER=…) are taken from the environment.`;

const sampleDay = resolve(import.meta.dirname, 'sample-day');

/**
 * @param given - The arguments after the script's name.
 * @returns undefined where only help is asked for.
 * @throws UsageError
 */
export function readArguments(given: readonly string[]): StartOptions | undefined {
  const { values, error } = parse(given);
  if (values?.help === true) return undefined;
  const problems = error === undefined ? [] : [error];
  const path = (name: string, value: string | undefined, kind: 'folder' | 'file'): string | undefined => {
    if (value === undefined) return undefined;
    const full = resolve(value);
    const fits = existsSync(full) && (kind === 'folder' ? statSync(full).isDirectory() : statSync(full).isFile());
    if (!fits) problems.push(`--${name}: ${full} is not a ${kind}`);
    return full;
  };
  const items = path('items', values?.items, 'folder');
  const mapping = path('mapping', values?.mapping, 'file');
  const directory = path('directory', values?.directory, 'file');
  const runs = values?.runs ?? '1';
  if (!/^[1-9]\d{0,3}$/.test(runs)) problems.push('--runs: expected a whole number from 1 to 9999');
  if (problems.length > 0) throw new UsageError(`${problems.join('\n')}\n\n${usage}`);
  return {
    items: items ?? sampleDay,
    mapping: mapping ?? (items === undefined ? resolve(sampleDay, 'mapping.csv') : undefined),
    directory: directory ?? resolve(sampleDay, 'directory.json'),
    out: resolve(values?.out ?? 'out'),
    state: values?.state === undefined ? undefined : resolve(values.state),
    runs: Number(runs),
    serve: values?.serve ?? false,
    isSampleDay: items === undefined || items === sampleDay,
  };
}

function parse(given: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { items: text, mapping: text, directory: text, out: text, runs: text, state: text, serve: flag, help: flag };
  try {
    return { values: parseArgs({ args: [...given], options }).values };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
