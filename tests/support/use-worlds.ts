/**
 * One storage for the worlds of a suite, and each world closed at its test's end.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { makeWorld, startStorage, type World, type WorldOptions } from './world.ts';

/** Runs a test in a world of its own, and checks that neither simulator was asked anything outside its contract. */
export type WithWorld = (options: Partial<WorldOptions>, work: (world: World) => Promise<void>) => Promise<void>;

/** Called inside a `describe`. */
export function useWorlds(): WithWorld {
  let storage: Azurite;
  before(async () => {
    storage = await startStorage();
  });
  after(() => storage.stop());
  return async (options, work) => {
    const world = await makeWorld({ storage, ...options });
    try {
      await work(world);
      assert.deepEqual(world.graph.requests.warnings, [], 'the simulated Graph was asked something that Graph does not know');
      assert.deepEqual(world.teleMessage.requests.warnings, [], 'TeleMessage was asked something outside its contract');
    } finally {
      await world.close();
    }
  };
}
