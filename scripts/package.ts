/**
 * Builds the deployment package out/archiver.zip from the bundle, and says how large it is and how fast it loads.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';

/** Files of the package: their paths with `/`, their bytes. */
export type PackageFiles = ReadonlyMap<string, Buffer>;

/**
 * Collects what the worker needs: the bundle without its source maps, host.json, and the part of package.json that it reads.
 *
 * @param root - Project folder, after `npm run build`.
 * @throws Error where there is no bundle.
 */
export async function collectFiles(root: string): Promise<PackageFiles> {
  const { name, version, type, main } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<string, string>;
  const entries = await readdir(join(root, 'dist'), { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw new Error('There is no bundle in dist: run npm run build first.', { cause: error });
  });
  const paths = entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.map'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .toSorted();
  if (main === undefined || !paths.includes(main))
    throw new Error(`The bundle lacks ${main}, which package.json names as main: run npm run build first.`);
  const files = new Map<string, Buffer>([
    ['host.json', await readFile(join(root, 'host.json'))],
    // No dependencies: the bundle holds them, and a build in Azure would fetch them all again.
    ['package.json', Buffer.from(`${JSON.stringify({ name, version, private: true, type, main }, undefined, 2)}\n`)],
  ]);
  for (const path of paths) files.set(path, await readFile(join(root, path)));
  return files;
}

/** Fields of 2 and 4 bytes, as ZIP lays them out. */
function fields(...values: readonly (readonly [size: 2 | 4, value: number])[]): Buffer {
  const bytes = Buffer.alloc(values.reduce((sum, [size]) => sum + size, 0));
  let offset = 0;
  for (const [size, value] of values) offset = size === 2 ? bytes.writeUInt16LE(value, offset) : bytes.writeUInt32LE(value, offset);
  return bytes;
}

/**
 * Packs files into a ZIP archive (PKWARE's APPNOTE 6.3, deflate). Written here because no dependency of the project does it and `zip` is not on
 * every machine. The same files give the same bytes: every entry has the date 1980-01-01, the earliest that ZIP knows.
 */
export function zip(files: PackageFiles): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of files) {
    const name = Buffer.from(path);
    const packed = deflateRawSync(content, { level: 9 });
    // Needs version 2.0; bit 11: names are UTF-8; method 8: deflate; time; date.
    const shared = fields(
      [2, 20],
      [2, 0x0800],
      [2, 8],
      [2, 0],
      [2, 0x0021],
      [4, crc32(content)],
      [4, packed.length],
      [4, content.length],
      [2, name.length],
      [2, 0],
    );
    local.push(fields([4, 0x04034b50]), shared, name, packed);
    // Made on Unix, for the file mode: a regular file that everybody may read.
    central.push(fields([4, 0x02014b50], [2, 0x0314]), shared, fields([2, 0], [2, 0], [2, 0], [4, 0o100644 * 0x10000], [4, offset]), name);
    offset += 4 + shared.length + name.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, files.size], [2, files.size], [4, directory.length], [4, offset], [2, 0]);
  return Buffer.concat([...local, directory, end]);
}

/** What one load of the package showed. */
export interface Load {
  /** From the import of `main` to its end, in ms. */
  readonly ms: number;
  /** Names of the functions that registered themselves, in order. */
  readonly functions: readonly string[];
}

// Stands in for the worker: gives the app the module that only the worker has, and reports what registers.
const LOADER = `
import { registerHooks } from 'node:module';
globalThis.registered = [];
const core = "const register = (metadata) => void globalThis.registered.push(metadata.name);" +
  "const disposable = class { dispose() {} };" +
  "module.exports = { version: '3', Disposable: disposable, registerHook: () => new disposable(), setProgrammingModel() {}, registerFunction: register };";
registerHooks({
  // The worker supplies it to require alone (seen in worker 3.9.1): an import of it fails.
  resolve: (name, context, next) => name === '@azure/functions-core' && context.conditions.includes('require') ? { url: 'fake:core', format: 'commonjs', shortCircuit: true } : next(name, context),
  load: (url, context, next) => url === 'fake:core' ? { format: 'commonjs', source: core, shortCircuit: true } : next(url, context),
});
const start = performance.now();
await import(process.argv[1]);
console.log('LOAD ' + JSON.stringify({ ms: performance.now() - start, functions: globalThis.registered }));
process.exit(0);
`;

// Nothing is asked of these addresses while the app loads.
const SETTINGS = {
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  TELEMESSAGE_BASE_URL: 'https://telemessage.invalid',
  TELEMESSAGE_USERNAME: 'nobody',
  TELEMESSAGE_PASSWORD: 'nothing',
};

/**
 * Loads the package in a process of its own, in a folder of its own, where no node_modules can help it out.
 *
 * @throws Error with what the process said where the package does not load, or registers no function.
 */
export async function measureLoad(files: PackageFiles): Promise<Load> {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-package-'));
  try {
    for (const [path, content] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    const { main } = JSON.parse(files.get('package.json')?.toString() ?? '{}') as { main: string };
    const child = spawn(process.execPath, ['--input-type=module', '--eval', LOADER, join(folder, main)], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...SETTINGS },
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    await once(child, 'close');
    const line = /^LOAD (.*)$/m.exec(said)?.[1];
    const load = line === undefined ? undefined : (JSON.parse(line) as Load);
    if (load === undefined || load.functions.length === 0) throw new Error(`The package does not load, or registers no function:\n${said}`);
    return load;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Writes out/archiver.zip, and out/package with the same files for azd, and prints what they are. */
async function main(): Promise<void> {
  const root = join(import.meta.dirname, '..');
  const files = await collectFiles(root);
  const archive = zip(files);
  await rm(join(root, 'out/package'), { recursive: true, force: true });
  for (const [path, content] of files) {
    await mkdir(dirname(join(root, 'out/package', path)), { recursive: true });
    await writeFile(join(root, 'out/package', path), content);
  }
  await writeFile(join(root, 'out/archiver.zip'), archive);
  const loads: Load[] = [];
  for (let count = 0; count < 5; count += 1) loads.push(await measureLoad(files));
  const median = loads.map(({ ms }) => ms).toSorted((a, b) => a - b)[2] ?? Number.NaN;
  const unpacked = [...files.values()].reduce((sum, content) => sum + content.length, 0);
  console.log(`out/archiver.zip: ${files.size} files, ${Math.round(archive.length / 1024)} KB, unpacked ${Math.round(unpacked / 1024)} KB`);
  console.log(`functions: ${loads[0]?.functions.join(', ')}`);
  console.log(`cold load: ${Math.round(median)} ms (median of ${loads.length}; Node ${process.version})`);
}

if (process.argv[1] === import.meta.filename) await main();
