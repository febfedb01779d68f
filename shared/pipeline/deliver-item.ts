/**
 * Makes the copies of one item: intent in the ledger, create, done in the ledger, for each mailbox by itself.
 *
 * @module
 */
import { PermanentError, RetryAfterError, TransientError, type ParkReason } from '../errors.ts';
import type { Delivery, DeliveryEnd, DeliveryGroup } from '../ledger/delivery-ledger.ts';
import type { DeliveryOutcome } from '../ledger/item-row.ts';
import { limits } from '../limits.ts';
import type { ComposedMessage } from '../mailbox/compose-message.ts';
import { InDoubtError } from '../mailbox/graph-errors.ts';
import type { MailboxCopy, StillOurs } from '../mailbox/mailbox-importer.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Pipeline } from './pipeline.ts';

/** How one attempt at a delivery ended: what the ledger is told, if anything, and the error that asks for another attempt. */
interface Attempt {
  readonly end?: Omit<DeliveryEnd, 'hold'>;
  readonly outcome: DeliveryOutcome;
  readonly error?: unknown;
}

const pending = (mailbox: Mailbox): DeliveryOutcome => ({ mailbox: mailbox.address, state: 'pending' });
const failed = (mailbox: Mailbox, reason: ParkReason): DeliveryOutcome => ({ mailbox: mailbox.address, state: 'failed', reason });
const imported = (mailbox: Mailbox): DeliveryOutcome => ({ mailbox: mailbox.address, state: 'imported' });

/** Another attempt has taken the delivery up: nothing that this one knows counts any more. */
class TakenUpError extends RetryAfterError {
  constructor() {
    super(limits.inFlightCheckMs, 'Another instance took up this delivery.');
  }
}

function attemptFailed(mailbox: Mailbox, error: unknown): Attempt {
  if (error instanceof PermanentError) {
    const { reason } = error;
    return { end: { mailbox, state: 'failed', reason }, outcome: failed(mailbox, reason) };
  }
  // Only an error that says so leaves the copy in doubt; an error of our own code says nothing, so it does too.
  const certain = (error instanceof TransientError && !(error instanceof InDoubtError)) || error instanceof RetryAfterError;
  const settled = certain || (error instanceof InDoubtError && error.settled);
  const end: Attempt['end'] = { mailbox, state: certain ? 'pending' : 'creating', settled };
  const delayMs = error instanceof InDoubtError ? error.delayMs : undefined;
  if (delayMs !== undefined)
    return { end, outcome: pending(mailbox), error: new RetryAfterError(delayMs, 'An upload was throttled.', { cause: error }) };
  return { end, outcome: pending(mailbox), error };
}

/** Whether a copy is among those that are read back: a share of the keys, the same ones on every try. */
function isSampled(contentKey: string, share: number): boolean {
  return Number.parseInt(contentKey.slice(0, 8), 16) / 2 ** 32 < share;
}

/** The copy is there; now the share that the settings ask for is read back. */
async function checkCopy(pipeline: Pipeline, mailbox: Mailbox, copy: MailboxCopy, composed: ComposedMessage): Promise<Attempt> {
  if (isSampled(composed.contentKey, pipeline.settings.VERIFY_SHARE)) {
    try {
      await pipeline.importer.verify(mailbox, copy, composed);
    } catch (error) {
      if (error instanceof PermanentError) return attemptFailed(mailbox, error);
      // Whatever kept us from reading it, the copy was made: the next attempt has to find it, not to make another.
      return { end: { mailbox, state: 'creating', settled: true, ...copy }, outcome: pending(mailbox), error };
    }
  }
  return { end: { mailbox, state: 'imported', ...copy }, outcome: imported(mailbox) };
}

type HeldAttempt = Omit<Attempt, 'end'> & { readonly end?: DeliveryEnd };

async function deliver(pipeline: Pipeline, group: DeliveryGroup, delivery: Delivery, composed: ComposedMessage): Promise<HeldAttempt> {
  const { mailbox, row } = delivery;
  const { ledger, now } = pipeline;
  let hold = delivery.hold;
  if (hold === undefined && row !== undefined) {
    if (row.state === 'imported') return { outcome: imported(mailbox) };
    if (row.state === 'failed')
      return { outcome: failed(mailbox, row.reason === undefined || row.reason === '' ? 'graph-refused' : row.reason) };
    if (row.state === 'creating' && !row.settled) {
      // Looking now could miss a copy that is still being made, and then there would be two.
      const waitMs = Date.parse(row.attemptedAt) + limits.createSettlesMs - now().getTime();
      if (waitMs > 0) {
        // Most such attempts end within a second; asking again soon costs two storage requests.
        const askAgainMs = Math.min(waitMs, limits.inFlightCheckMs);
        return {
          outcome: pending(mailbox),
          error: new RetryAfterError(askAgainMs, 'An earlier attempt at this delivery may still be under way.'),
        };
      }
    }
  }
  hold ??= await ledger.deliveries.resume(group, delivery);
  if (hold === undefined) return { outcome: pending(mailbox), error: new TakenUpError() };

  let held = hold;
  const stillOurs = async () => {
    if (now().getTime() - Date.parse(held.attemptedAt) < limits.attemptRenewMs) return;
    const renewed = await ledger.deliveries.renew(group, mailbox, held);
    if (renewed === undefined) throw new TakenUpError();
    held = renewed;
  };
  const { end, ...attempt } = await attemptDelivery(pipeline, delivery, composed, stillOurs);
  return end === undefined ? attempt : { ...attempt, end: { ...end, hold: held } };
}

/** Makes the copy, or finds the one that an earlier attempt has made. */
async function attemptDelivery(
  pipeline: Pipeline,
  { mailbox, row, hold }: Delivery,
  composed: ComposedMessage,
  stillOurs: StillOurs,
): Promise<Attempt> {
  const { importer } = pipeline;
  if (hold === undefined && row?.state === 'creating') {
    try {
      const copy = await importer.find(mailbox, composed);
      if (copy !== undefined) return await checkCopy(pipeline, mailbox, copy, composed);
    } catch (error) {
      if (error instanceof PermanentError) return attemptFailed(mailbox, error);
      return { end: { mailbox, state: 'creating', settled: true }, outcome: pending(mailbox), error };
    }
    // Only those that were left in doubt count: throttling never uses up tries.
    if (row.attempts >= limits.deliveryAttempts) {
      return attemptFailed(mailbox, new PermanentError('tries-used-up', 'Every attempt at this delivery was left in doubt.'));
    }
  }
  try {
    const copy = await importer.create(mailbox, composed, stillOurs);
    return await checkCopy(pipeline, mailbox, copy, composed);
  } catch (error) {
    if (error instanceof TakenUpError) return { outcome: pending(mailbox), error };
    return attemptFailed(mailbox, error);
  }
}

/**
 * Delivers an item to all its mailboxes, side by side. What one mailbox refuses does not keep the others from getting theirs, and what
 * is done is never done again.
 *
 * @returns how each delivery ended: imported, or failed for good.
 * @throws RetryAfterError or TransientError where some deliveries have to be tried again; the others are done and recorded by then.
 */
export async function deliverItem(
  pipeline: Pipeline,
  group: DeliveryGroup,
  mailboxes: readonly Mailbox[],
  composed: ComposedMessage,
): Promise<DeliveryOutcome[]> {
  const { deliveries } = pipeline.ledger;
  const begun = await deliveries.begin(group, mailboxes);
  const attempts = await Promise.all(begun.map((delivery) => deliver(pipeline, group, delivery, composed)));
  await deliveries.ended(
    group,
    attempts.flatMap(({ end }) => (end === undefined ? [] : [end])),
  );
  pipeline.telemetry.count('archive.deliveries.imported', attempts.filter(({ end }) => end?.state === 'imported').length);
  const errors = attempts.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const waits = errors.filter((error) => error instanceof RetryAfterError);
  if (waits.length > 0) {
    const longest = waits.reduce((one, other) => (other.delayMs > one.delayMs ? other : one));
    throw new RetryAfterError(longest.delayMs, longest.message, { cause: longest });
  }
  const [first] = errors;
  if (first !== undefined) throw new TransientError('A delivery of the item failed and is tried again.', { cause: first });
  return attempts.map(({ outcome }) => outcome);
}
