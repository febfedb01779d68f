/** HTTP: what an operator does with parked items. @module */
import { app, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import { z } from 'zod';
import { PARK_REASONS, type ParkReason } from '../shared/errors.ts';
import { discardItem, listParked, reprocessItem, reprocessItems, showParked } from '../shared/pipeline/parked-items.ts';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { discardMessages } from '../shared/pipeline/tidy-parked.ts';
import { settings } from './archiver.ts';
import { answer, expected, forRole, readBody } from './http.ts';

const itemKey = z.string().regex(/^[0-9a-f]{40}$/, 'expected the key of an item, 40 hex digits');
const reason = z.enum(Object.keys(PARK_REASONS) as [ParkReason, ...ParkReason[]]);
const after = itemKey.optional();
const REPROCESS = 'expected one of {"itemKey": KEY}, {"reason": REASON} or {"all": true}, the last two with "after": KEY for the next page';
const DISCARD =
  'expected {"itemKey": KEY, "reason": why, in 3 to 500 characters}, or "digest": DIGEST in place of "itemKey" for a message that names no item';

/** One object with a check behind it: of a union no answer can say which of its members was meant, and so what is wrong with it. */
const reprocessBody = z
  .strictObject({ itemKey: itemKey.optional(), reason: reason.optional(), all: z.literal(true).optional(), after }, expected(REPROCESS))
  .refine((body) => [body.itemKey, body.reason, body.all].filter((choice) => choice !== undefined).length === 1, { error: REPROCESS })
  .refine((body) => body.itemKey === undefined || body.after === undefined, {
    error: '"after" goes with "reason" or "all" alone',
    path: ['after'],
  });
const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected the digest of a message, 64 hex digits');
const discardBody = z
  .strictObject({ itemKey: itemKey.optional(), digest: digest.optional(), reason: z.string().trim().min(3).max(500) }, expected(DISCARD))
  .refine((body) => (body.itemKey === undefined) !== (body.digest === undefined), { error: DISCARD });
const listQuery = z.strictObject({ reason: reason.optional(), after });

const list = (pipeline: Pipeline, request: HttpRequest) =>
  answer(listQuery, Object.fromEntries(request.query), async ({ reason, after }) =>
    listParked(pipeline, { ...(reason && { reason }), ...(after && { after }) }),
  );

const show = (pipeline: Pipeline, request: HttpRequest) => answer(itemKey, request.params['itemKey'], (key) => showParked(pipeline, key));

const reprocess = async (pipeline: Pipeline, request: HttpRequest, caller: string) =>
  answer(reprocessBody, await readBody(request), async (body) => {
    const { itemKey, reason, after } = body;
    if (itemKey !== undefined) return (await reprocessItem(pipeline, itemKey, caller)) ? { reprocessed: 1 } : undefined;
    return reprocessItems(pipeline, { ...(reason && { reason }), ...(after && { after }) }, caller);
  });

const discard = async (pipeline: Pipeline, request: HttpRequest, caller: string): Promise<HttpResponseInit> =>
  answer(discardBody, await readBody(request), async ({ itemKey, digest = '', reason }) => {
    const discarded =
      itemKey === undefined
        ? await discardMessages(pipeline, digest, reason, caller)
        : Number(await discardItem(pipeline, itemKey, reason, caller));
    return discarded > 0 ? { discarded } : undefined;
  });

if (settings !== undefined) {
  // The platform signs callers in (authsettingsV2); the function keys of `authLevel` would be a second way in.
  const anonymous = { authLevel: 'anonymous' } as const;
  app.http('listParked', { ...anonymous, methods: ['GET'], route: 'parked', handler: forRole('Archive.Reader', list) });
  app.http('showParked', { ...anonymous, methods: ['GET'], route: 'parked/{itemKey}', handler: forRole('Archive.Reader', show) });
  app.http('reprocessParked', {
    ...anonymous,
    methods: ['POST'],
    route: 'parked/reprocess',
    handler: forRole('Archive.Operator', reprocess),
  });
  app.http('discardParked', { ...anonymous, methods: ['POST'], route: 'parked/discard', handler: forRole('Archive.Operator', discard) });
}
