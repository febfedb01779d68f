/**
 * When each item of the simulated TeleMessage arrived: given at first sight and kept, so that a restarted simulator says the same.
 *
 * @module
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

/** Arrival times by id, in ms since 1970. */
export interface ArrivalTimes {
  /** @returns the time, undefined for an id never seen. */
  of(id: string): number | undefined;
  /** Gives one item a time of the caller's choice. */
  set(id: string, time: number): void;
  /**
   * Gives each id that has none a time of its own, in the order given: from 60 s before `now` (earlier, where there are more than 60,000), 1 ms
   * apart, and later than all times given before. So a window that ends now, or later, has all of them.
   */
  see(ids: readonly string[], now: Date): void;
}

const BEFORE_FIRST_SIGHT_MS = 60_000;

const fileSchema = z.array(z.tuple([z.string(), z.iso.datetime()]));

function load(path: string): [string, number][] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    // The first start: there is no file yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return fileSchema.parse(JSON.parse(text)).map(([id, time]) => [id, Date.parse(time)]);
  } catch (error) {
    throw new Error(`${path} is not a list of arrival times. Delete it to have every item arrive anew.`, { cause: error });
  }
}

/**
 * @param path - The JSON file to keep the times in; absent = in memory.
 * @throws Error where the file is there and not readable as such.
 */
export function keepArrivalTimes(path?: string): ArrivalTimes {
  const times = new Map<string, number>(path === undefined ? [] : load(path));
  let latest = 0;
  for (const time of times.values()) latest = Math.max(latest, time);

  function save(): void {
    if (path === undefined) return;
    const text = JSON.stringify([...times].map(([id, time]) => [id, new Date(time).toISOString()]));
    // Written aside and renamed: a killed simulator leaves the old file or the new one, never half of one.
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }

  return {
    of: (id) => times.get(id),
    set(id, time) {
      times.set(id, time);
      save();
    },
    see(ids, now) {
      const unseen = ids.filter((id) => !times.has(id));
      if (unseen.length === 0) return;
      const first = Math.max(now.getTime() - Math.max(BEFORE_FIRST_SIGHT_MS, unseen.length), latest + 1);
      unseen.forEach((id, index) => times.set(id, first + index));
      latest = first + unseen.length - 1;
      save();
    },
  };
}
