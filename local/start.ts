/**
 * `npm start`: the main job on one machine, from a folder of e-mail messages to mailboxes on disk, with the app as it is deployed.
 *
 * @module
 */
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createArchiver } from '../shared/archiver.ts';
import { readSettings, settingNames, SettingsError, type Settings } from '../shared/config.ts';
import { MappingFileError } from '../shared/mapping/mapping-file-error.ts';
import { parseMappingFile } from '../shared/mapping/parse-mapping-file.ts';
import { ensureStorage } from '../shared/storage/storage.ts';
import { startHostProcess } from './host/start-host-process.ts';
import { exitWithAncestors } from './processes/exit-with-ancestors.ts';
import { readArguments, usage, UsageError, type StartOptions } from './read-arguments.ts';
import { readDirectory } from './read-directory.ts';
import { runDay } from './run-days.ts';
import { showProgress } from './show-progress.ts';
import { startSimulators } from './start-simulators.ts';
import { openStateFolder } from './state-folder.ts';
import { startAzurite } from './storage/start-azurite.ts';
import { describeSummary, writeReport } from './write-report.ts';

const project = resolve(import.meta.dirname, '..');

/** A message that a killed run was working on comes back after this. The real host's 600 s would be long to watch. */
const LEASE_MS = 30_000;

/** Settings of the local run; those given in the environment come on top, but for where things are. */
function localSettings(addresses: { storage: string; teleMessageUrl: string; graphUrl: string }): Record<string, string> {
  const given = settingNames.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    TELEMESSAGE_USERNAME: 'sample',
    TELEMESSAGE_PASSWORD: 'sample-password',
    VERIFY_SHARE: '1',
    ...Object.fromEntries(given),
    AzureWebJobsStorage: addresses.storage,
    TELEMESSAGE_BASE_URL: addresses.teleMessageUrl,
    GRAPH_BASE_URL: addresses.graphUrl,
    GRAPH_AUTH: 'none',
  };
}

/** Everything that can be wrong with what the person gave, before anything is started. */
async function check(options: StartOptions): Promise<{ settings: Settings; mapping: Buffer | undefined }> {
  const settings = readSettings({
    ...localSettings({ storage: 'not started yet', teleMessageUrl: 'http://127.0.0.1', graphUrl: 'http://127.0.0.1' }),
    // What is given for these is checked too, though the local run has its own.
    ...Object.fromEntries(
      ['TELEMESSAGE_BASE_URL', 'GRAPH_BASE_URL'].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
  });
  await readDirectory(options.directory);
  if (options.mapping === undefined) return { settings, mapping: undefined };
  const mapping = await readFile(options.mapping);
  if (options.state === undefined) {
    parseMappingFile(mapping, settings.PHONE_DEFAULT_COUNTRY === undefined ? {} : { defaultCountry: settings.PHONE_DEFAULT_COUNTRY });
  }
  return { settings, mapping };
}

async function start(options: StartOptions): Promise<number> {
  const { settings, mapping } = await check(options);
  const state = await openStateFolder(options.state);
  const outMailboxes = join(options.out, 'mailboxes');
  await mkdir(options.out, { recursive: true });
  // Mailboxes of an earlier run would look like this one's.
  const clear = (name: string) => rm(join(options.out, name), { recursive: true, force: true });
  await Promise.all([clear('mailboxes'), clear('.mailboxes.simulator'), clear('report.json')]);
  const die = (error: Error) => {
    console.error(error.message);
    process.exit(1);
  };

  const username = process.env['TELEMESSAGE_USERNAME'] ?? 'sample';
  const password = process.env['TELEMESSAGE_PASSWORD'] ?? 'sample-password';
  const [azurite, simulators] = await Promise.all([
    startAzurite({ folder: state.storage, onUnexpectedEnd: die }),
    startSimulators(
      {
        items: options.items,
        arrivals: state.arrivals,
        archiver: settings.ARCHIVER.id,
        username,
        password,
        withLargeItem: options.isSampleDay,
        directory: options.directory,
        mailboxes: state.mailboxes ?? outMailboxes,
      },
      die,
    ),
  ]);
  const environment = localSettings({ storage: azurite.connectionString, ...simulators });
  const archiver = createArchiver(readSettings(environment), {
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    now: () => new Date(),
    identity: () => {
      throw new Error('the local run has no identity');
    },
  });
  await ensureStorage(archiver.storage);
  const mappingBlob = settings.MAPPING_CSV_BLOB.replace(/^config\//, '');
  if (mapping !== undefined && mappingBlob !== '') {
    await archiver.storage.containers.config.getBlockBlobClient(mappingBlob).upload(mapping, mapping.byteLength);
  }

  const progress = showProgress();
  const host = await startHostProcess({
    entry: join(project, 'dist', 'functions', 'main.js'),
    hostJson: JSON.parse(await readFile(join(project, 'host.json'), 'utf8')) as object,
    environment,
    leaseMs: LEASE_MS,
    runTimers: options.serve,
    onEvent: progress.onEvent,
    onLine: progress.onLine,
    onUnexpectedEnd: die,
  });
  await state.occupy([process.pid, azurite.pid, simulators.pid, host.pid]);

  let balanced = true;
  for (let run = 1; run <= options.runs && balanced; run += 1) {
    progress.begin(options.runs > 1 ? `run ${run} of ${options.runs}` : 'the day');
    balanced = await runDay({ host, ledger: archiver.ledger, invocations: progress.invocations, onProblem: progress.onProblem });
  }
  progress.end();

  const summary = await writeReport(archiver, options.out);
  if (state.mailboxes !== undefined) await cp(state.mailboxes, outMailboxes, { recursive: true });
  console.log(`\n${describeSummary(summary)}\n`);
  console.log(`Report     ${join(options.out, 'report.json')}`);
  console.log(`Mailboxes  ${outMailboxes}`);
  if (!summary.complete) {
    console.error('\nThe books do not balance: the items shown as pending are not archived. The lines above say why.');
    console.error('Keep the state with --state DIR, put right what they name, and start again to go on.');
  }
  if (options.serve) {
    console.log('\nServing until Ctrl+C; timers run by their schedules.');
    console.log(`Functions    ${host.httpUrl ?? 'none by HTTP'}`);
    console.log(`TeleMessage  ${simulators.teleMessageUrl}`);
    console.log(`Graph        ${simulators.graphUrl}`);
    console.log(`Storage      ${azurite.connectionString}`);
    await host.ended;
  }
  await host.stop();
  await azurite.stop();
  await simulators.stop();
  await clear('.mailboxes.simulator');
  await state.release();
  return summary.complete ? 0 : 1;
}

exitWithAncestors(() => process.exit(1));
try {
  const options = readArguments(process.argv.slice(2));
  if (options === undefined) {
    console.log(usage);
    process.exit(0);
  }
  process.exit(await start(options));
} catch (error) {
  const expected = error instanceof SettingsError || error instanceof UsageError || error instanceof MappingFileError;
  console.error(expected ? error.message : error);
  process.exit(expected ? 2 : 1);
}
