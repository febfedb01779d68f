/**
 * The answers of TeleMessage by the contract (`telemessage-api.yaml`). Properties that the contract does not name are let be.
 *
 * @module
 */
import { z } from 'zod';
import { isItemId } from './item-address.ts';
import type { ItemPage, ListedItem } from './item-source.ts';

/** Characters that a header may carry; 8 KB is what servers commonly take of a header. */
const TOKEN = /^[!-~]{1,8192}$/;

/** A cursor travels in the address and in the run's checkpoint; longer ones would be refused there. */
const LONGEST_CURSOR = 4096;

/** The answer to a login: a token and its life in seconds. */
export const grantSchema = z.object({
  token: z.string({ error: 'expected a string' }).regex(TOKEN, 'expected 1 to 8,192 printable ASCII characters'),
  expiresInSeconds: z.int({ error: 'expected a whole number' }).min(1, 'expected at least 1'),
});

const arrival = { error: 'expected a time, ISO 8601, such as 2026-01-31T08:00:00Z' };
const id = { error: 'expected a string of 1 to 1,024 characters' };
const cursor = { error: `expected a string of 1 to ${LONGEST_CURSOR} characters, or nothing on the last page` };

const itemSchema = z
  .object({
    // A number is refused, not turned into text: 89e7073266 and 007 would come out as other ids.
    id: z.string(id).refine(isItemId, id),
    arrivedAt: z.iso.datetime({ offset: true, ...arrival }),
    type: z.string({ error: 'expected a string' }).nullish(),
  })
  .transform(({ id, arrivedAt, type }): ListedItem => {
    const item = { id, arrivedAt: new Date(arrivedAt).toISOString() };
    return typeof type === 'string' ? { ...item, type } : item;
  });

/**
 * A page of the list; `arrivedAt` comes out in UTC. `null` counts as absent, as many serialisers write it. An empty cursor is refused: taken
 * for the last page it could lose the rest of the day, taken for a cursor it would begin again.
 */
export const pageSchema = z
  .object({
    items: z.array(itemSchema, { error: 'expected a list' }),
    nextCursor: z.string(cursor).min(1, cursor).max(LONGEST_CURSOR, cursor).nullish(),
  })
  .transform(({ items, nextCursor }): ItemPage => (typeof nextCursor === 'string' ? { items, nextCursor } : { items }));
