/**
 * The items that the simulated TeleMessage holds: the `.eml` files of a folder and items made by the caller.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArrivalTimes } from './arrival-times.ts';

/** Makes the bytes of an item, the same each time. */
export type ItemMaker = () => AsyncIterable<Uint8Array> | Uint8Array;

/** The bytes of one item and what they are. */
export interface ItemBytes {
  readonly bytes: number;
  /** Base64. */
  readonly sha256: string;
  open(): AsyncIterable<Uint8Array>;
}

/** An item as it is listed. */
export interface ShelvedItem {
  readonly id: string;
  /** Ms since 1970. */
  readonly arrived: number;
}

/** The items. */
export interface ItemShelf {
  /** Looks for new and vanished files. */
  scan(): Promise<void>;
  /** @returns all items, in order of arrival, then of name. */
  list(): readonly ShelvedItem[];
  /** @returns undefined for an item that is not (any more) there. */
  read(id: string): Promise<ItemBytes | undefined>;
  add(id: string, make: ItemMaker, arrivedAt?: Date): void;
  /** Takes an added item away, as a purge at the source does; files are deleted from the folder. */
  remove(id: string): void;
}

/** Smaller files are read whole: a stream costs more than they do. */
const SMALL_BYTES = 256 * 1024;

async function* bytesOfFile(path: Buffer, size: number): AsyncGenerator<Uint8Array, void> {
  if (size <= SMALL_BYTES) yield await readFile(path);
  else yield* createReadStream(path);
}

async function* bytesOfMaker(make: ItemMaker): AsyncGenerator<Uint8Array, void> {
  const made = make();
  if (made instanceof Uint8Array) yield made;
  else yield* made;
}

async function measure(open: () => AsyncIterable<Uint8Array>): Promise<ItemBytes> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of open()) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('base64'), open };
}

/** The id of a file. Names that are not UTF-8 exist (old archives); they are read as Latin-1, so that each has an id that JSON can carry. */
function idOf(name: Buffer): string {
  const text = name.toString('utf8');
  return Buffer.from(text).equals(name) ? text : name.toString('latin1');
}

async function findFiles(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { encoding: 'buffer', withFileTypes: true })) {
    const id = idOf(entry.name);
    const path = Buffer.concat([Buffer.from(join(folder, '/')), entry.name]);
    if (!id.toLowerCase().endsWith('.eml')) continue;
    // A link to nothing is listed and answers 404, as an item does that was purged at the source.
    const isFile = entry.isFile() || (entry.isSymbolicLink() && statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true);
    if (isFile) files.set(id, path);
  }
  return files;
}

const byName = (one: string, other: string) => (one < other ? -1 : Number(one > other));

/**
 * @param folder - Its files that end in `.eml` are items with the file name as id; folders in it are not looked into.
 * @param extras - Items made by the caller, by id. One with the id of a file takes its place.
 */
export function openShelf(folder: string, extras: ReadonlyMap<string, ItemMaker>, arrivals: ArrivalTimes, now: () => Date): ItemShelf {
  const made = new Map(extras);
  let files = new Map<string, Buffer>();
  let listed: ShelvedItem[] | undefined;
  const measured = new Map<string, { readonly state: string; readonly item: ItemBytes }>();

  async function remember(id: string, state: string, open: () => AsyncIterable<Uint8Array>): Promise<ItemBytes> {
    const known = measured.get(id);
    if (known?.state === state) return known.item;
    const item = await measure(open);
    measured.set(id, { state, item });
    return item;
  }

  return {
    async scan() {
      files = await findFiles(folder);
      arrivals.see([...new Set([...files.keys(), ...made.keys()])].sort(byName), now());
      listed = undefined;
    },

    list() {
      listed ??= [...new Set([...files.keys(), ...made.keys()])]
        .map((id) => ({ id, arrived: arrivals.of(id) ?? now().getTime() }))
        .sort((one, other) => one.arrived - other.arrived || byName(one.id, other.id));
      return listed;
    },

    async read(id) {
      const make = made.get(id);
      if (make !== undefined) return remember(id, 'made', () => bytesOfMaker(make));
      const path = files.get(id);
      if (path === undefined) return undefined;
      try {
        const { size, mtimeMs } = await stat(path);
        return await remember(id, `${size} ${mtimeMs}`, () => bytesOfFile(path, size));
      } catch (error) {
        // Deleted since it was listed: what a purge at the source looks like.
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },

    add(id, make, arrivedAt) {
      made.set(id, make);
      measured.delete(id);
      if (arrivedAt === undefined) arrivals.see([id], now());
      else arrivals.set(id, arrivedAt.getTime());
      listed = undefined;
    },

    remove(id) {
      made.delete(id);
      measured.delete(id);
      listed = undefined;
    },
  };
}
