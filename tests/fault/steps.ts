/**
 * The steps of the app: every kind of request that it makes. A step that is not here fails the fault tests, so that none goes untested.
 *
 * @module
 */

/** Requests that change something and belong to an ordinary day: the kill tests kill the app before and after each. */
export const stepsOfTheDay = [
  'blob audit appendblock',
  'blob audit create',
  'blob create-container',
  'blob items block',
  'blob items blocklist',
  'blob items put',
  'blob lock acquire',
  'blob lock put',
  'blob lock release',
  'blob mapping-state delete',
  'blob reports block',
  'blob reports blocklist',
  'graph add-attachment',
  'graph create-folder',
  'graph create-message',
  'graph create-upload',
  'graph move-message',
  'graph put-range',
  'queue create-queue',
  'queue download-items send',
  'queue import-items send',
  'queue oversize-items-poison send',
  'queue unmapped-items-poison send',
  'table content insert',
  'table create-table',
  'table deliveries insert',
  'table deliveries insert-many',
  'table deliveries ended',
  'table deliveries ended-many',
  'table items ended',
  'table items insert',
  'table items staged',
  'table parked added',
  'table runs checkpoint',
  'table runs completed',
  'table runs insert',
  'table runs listed',
  'table sources insert',
  'telemessage login',
] as const;

/** Requests that change something and answer trouble, or an operator: the kill tests have a day of trouble for them. */
export const stepsOfTrouble = [
  'blob mapping-state put',
  'blob reconciliations put',
  'graph delete-message',
  'queue failed-items-poison delete',
  'queue failed-items-poison send',
  'queue oversize-items-poison delete',
  'queue unmapped-items-poison delete',
  'table content superseded',
  'table deliveries doubted',
  'table deliveries reopened',
  'table deliveries reopened-many',
  'table deliveries resumed',
  'table items discarded',
  'table items insert-many',
  'table items reopened',
  'table items restored',
  'table items settled',
  'table items waits',
  'table parked mapping-tried',
  'table parked remove',
  'table parked settled',
  'table runs audit-head',
  'table runs reopened',
  'table sources insert-many',
] as const;

/** Requests that only ask. */
export const readingSteps: ReadonlySet<string> = new Set([
  'blob audit get',
  'blob audit head',
  'blob audit list',
  'blob config get',
  'blob items get',
  'blob items head',
  'blob mapping-state get',
  'blob mapping-state head',
  'blob reconciliations get',
  'blob reconciliations head',
  'blob reports get',
  'blob reports head',
  'blob reports list',
  'graph find-message',
  'graph find-user',
  'graph get-inbox',
  'graph get-message',
  'graph get-upload',
  'graph get-user',
  'graph list-attachments',
  'graph list-folders',
  'queue download-items peek',
  'queue import-items peek',
  ...['failed', 'oversize', 'unmapped'].flatMap((kind) => [`queue ${kind}-items-poison properties`, `queue ${kind}-items-poison receive`]),
  'table content read',
  'table deliveries query',
  'table deliveries read',
  'table items query',
  'table items read',
  'table parked query',
  'table parked read',
  'table runs query',
  'table runs read',
  'table sources query',
  'table sources read',
  'telemessage content',
  'telemessage list',
]);

/**
 * What comes too seldom for a day of the kill tests, so that the schedules alone aim at it: a listing that takes longer than a third of its
 * lease, and a poison queue with more messages than there are parked items.
 */
export const seldomSteps = [
  'blob lock renew',
  'queue failed-items-poison update',
  'queue oversize-items-poison update',
  'queue unmapped-items-poison update',
] as const;

/** All requests that change something. */
export const durableSteps: readonly string[] = [...stepsOfTheDay, ...stepsOfTrouble, ...seldomSteps];

/** Requests of the host itself: a message that is done with, or one that comes again. */
export const hostSteps = ['queue download-items delete', 'queue import-items delete'] as const;
/** And where it gives a message up. */
export const hostStepsOfTrouble = ['queue import-items-poison send', 'queue import-items-poison delete'] as const;
