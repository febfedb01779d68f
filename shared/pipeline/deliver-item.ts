/**
 * Makes the copies of one item: intent in the ledger, create, done in the ledger, for each mailbox by itself.
 *
 * @module
 */
import { PermanentError, RetryAfterError, TransientError, type ParkReason } from '../errors.ts';
import {
  attemptsInDoubt,
  type Delivery,
  type DeliveryEnd,
  type DeliveryGroup,
  type DeliveryRow,
  type StoredDelivery,
} from '../ledger/delivery-ledger.ts';
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

/** Another attempt has taken the delivery up, and will find out what this one has come to. */
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

/** How long ago something was, in ms, by whichever clock says longer: one may be set, the other stops while the machine sleeps. */
function stopwatch(now: () => Date): () => number {
  const started = { clock: now().getTime(), machine: performance.now() };
  return () => Math.max(Math.abs(now().getTime() - started.clock), performance.now() - started.machine);
}

/**
 * Waits until nothing of the attempt that holds the delivery can be under way any more: looking now could miss a copy that is still being
 * made, and then there would be two.
 *
 * @throws RetryAfterError while that may be.
 */
async function waitForOther(
  { ledger, now }: Pipeline,
  group: DeliveryGroup,
  delivery: Delivery,
  { doubtedAt }: DeliveryRow,
): Promise<void> {
  const doubtedMs = now().getTime() - Date.parse(doubtedAt);
  // A doubt from the future was written by a clock that has been set back since, or is ahead of this one.
  const isDoubted = doubtedAt !== '' && doubtedMs >= 0;
  if (isDoubted && doubtedMs >= limits.createSettlesMs) return;
  if (!isDoubted) await ledger.deliveries.doubted(group, delivery);
  const watchedMs = isDoubted ? doubtedMs : 0;
  // Most such attempts end within a second; the longer one has taken, the less often it is looked at.
  const askAgainMs = Math.max(limits.inFlightCheckMs, watchedMs);
  throw new RetryAfterError(
    Math.min(limits.createSettlesMs - watchedMs, askAgainMs),
    'An earlier attempt at this delivery may still be under way.',
  );
}

type HeldAttempt = Omit<Attempt, 'end'> & { readonly end?: DeliveryEnd };

/** What is to be delivered. */
interface Work {
  readonly group: DeliveryGroup;
  readonly composed: ComposedMessage;
  /** The item was given up for this reason: copies are looked for, and none is made. */
  readonly givenUp?: ParkReason;
}

/**
 * One attempt at one delivery, by whoever has it in hand: this caller, once it has taken up what another attempt left behind.
 *
 * @param sinceBegun - How long ago the delivery was begun, in ms.
 */
async function deliver(pipeline: Pipeline, work: Work, delivery: Delivery, sinceBegun: () => number): Promise<HeldAttempt> {
  const { mailbox, row } = delivery;
  const { ledger, now } = pipeline;
  const { group } = work;
  let { hold } = delivery;
  let unconfirmedMs = sinceBegun;
  if (hold === undefined) {
    if (row?.state === 'imported') return { outcome: imported(mailbox) };
    if (row?.state === 'failed')
      return { outcome: failed(mailbox, row.reason === undefined || row.reason === '' ? 'graph-refused' : row.reason) };
    try {
      if (row?.state === 'creating' && !row.settled) await waitForOther(pipeline, group, delivery, row);
      unconfirmedMs = stopwatch(now);
      hold = await ledger.deliveries.resume(group, delivery);
      if (hold === undefined) throw new TakenUpError();
    } catch (error) {
      // Nothing was sent. The other mailboxes' attempts come to their ends all the same.
      return { outcome: pending(mailbox), error };
    }
  }

  let held = hold;
  const stillOurs = async () => {
    // Again, where the answer itself was long in coming: what it says is as old as the question.
    while (unconfirmedMs() >= limits.attemptConfirmMs) {
      const confirmedMs = stopwatch(now);
      const confirmed = await ledger.deliveries.confirm(group, mailbox, held);
      if (confirmed === undefined) throw new TakenUpError();
      held = confirmed;
      unconfirmedMs = confirmedMs;
    }
  };
  const { end, ...attempt } = await attemptDelivery(pipeline, work, delivery, stillOurs);
  const throttled = attempt.error instanceof RetryAfterError;
  return end === undefined ? attempt : { ...attempt, end: { ...end, throttled, hold: held } };
}

/** Makes the copy, or finds the one that an earlier attempt has made. */
async function attemptDelivery(
  pipeline: Pipeline,
  { composed, givenUp }: Work,
  { mailbox, row, hold }: Delivery,
  stillOurs: StillOurs,
): Promise<Attempt> {
  const { importer } = pipeline;
  if (hold === undefined && row?.state === 'creating') {
    try {
      const copy = await importer.find(mailbox, composed, stillOurs);
      if (copy !== undefined) return await checkCopy(pipeline, mailbox, copy, composed);
    } catch (error) {
      if (error instanceof TakenUpError) return { outcome: pending(mailbox), error };
      if (error instanceof PermanentError) return attemptFailed(mailbox, error);
      return { end: { mailbox, state: 'creating', settled: true }, outcome: pending(mailbox), error };
    }
    if (attemptsInDoubt(row) >= limits.deliveryAttempts) {
      return attemptFailed(mailbox, new PermanentError('tries-used-up', 'Every attempt at this delivery was left in doubt.'));
    }
  }
  // Certainly not there, and free for whoever has put the item back to work meanwhile.
  if (givenUp !== undefined) return { end: { mailbox, state: 'pending' }, outcome: failed(mailbox, givenUp) };
  try {
    const copy = await importer.create(mailbox, composed, stillOurs);
    return await checkCopy(pipeline, mailbox, copy, composed);
  } catch (error) {
    if (error instanceof TakenUpError) return { outcome: pending(mailbox), error };
    return attemptFailed(mailbox, error);
  }
}

/** Writes down how the attempts ended. @throws as {@link deliverItem} does. */
async function finish(pipeline: Pipeline, group: DeliveryGroup, attempts: readonly HeldAttempt[]): Promise<DeliveryOutcome[]> {
  const overtaken = await pipeline.ledger.deliveries.ended(
    group,
    attempts.flatMap(({ end }) => (end === undefined ? [] : [end])),
  );
  const isOvertaken = ({ end }: HeldAttempt) => end !== undefined && overtaken.includes(end);
  const written = attempts.filter((attempt) => !isOvertaken(attempt));
  pipeline.telemetry.count('archive.deliveries.imported', written.filter(({ end }) => end?.state === 'imported').length);
  const errors = attempts.flatMap((attempt) => (isOvertaken(attempt) ? [new TakenUpError()] : (attempt.error ?? [])));
  const waits = errors.filter((error) => error instanceof RetryAfterError);
  if (waits.length > 0) {
    const longest = waits.reduce((one, other) => (other.delayMs > one.delayMs ? other : one));
    throw new RetryAfterError(longest.delayMs, longest.message, { cause: longest });
  }
  const [first] = errors;
  if (first !== undefined) throw new TransientError('A delivery of the item failed and is tried again.', { cause: first });
  return attempts.map(({ outcome }) => outcome);
}

/** Finds out what deliveries have come to that nobody means to make any more. */
const settle = (
  pipeline: Pipeline,
  group: DeliveryGroup,
  composed: ComposedMessage,
  givenUp: ParkReason,
  rows: readonly StoredDelivery[],
): Promise<HeldAttempt[]> =>
  Promise.all(
    rows.map(async (row) => {
      const mailbox = { id: row.mailboxId, address: row.mailbox };
      if (row.state === 'pending') return { outcome: failed(mailbox, givenUp) };
      return deliver(pipeline, { group, composed, givenUp }, { mailbox, row }, stopwatch(pipeline.now));
    }),
  );

/**
 * Delivers an item to all its mailboxes, side by side. What one mailbox refuses does not keep the others from getting theirs, and what
 * is done is never done again.
 *
 * @param left - Deliveries that were begun while the item was mapped otherwise. Copies that they made count; no more are made.
 * @returns how each delivery ended: imported, or failed for good; of `left` only what was imported.
 * @throws RetryAfterError or TransientError where some deliveries have to be tried again; the others are done and recorded by then.
 */
export async function deliverItem(
  pipeline: Pipeline,
  group: DeliveryGroup,
  mailboxes: readonly Mailbox[],
  composed: ComposedMessage,
  left: readonly StoredDelivery[] = [],
): Promise<DeliveryOutcome[]> {
  const sinceBegun = stopwatch(pipeline.now);
  const begun = await pipeline.ledger.deliveries.begin(group, mailboxes);
  const [attempts, others] = await Promise.all([
    Promise.all(begun.map((delivery) => deliver(pipeline, { group, composed }, delivery, sinceBegun))),
    settle(pipeline, group, composed, 'unmapped', left),
  ]);
  const outcomes = await finish(pipeline, group, [...attempts, ...others]);
  return outcomes.filter(({ state }, index) => index < attempts.length || state === 'imported');
}

/**
 * Finds out what the deliveries of a given-up item have come to: a copy that was made after all is imported, and what an interrupted
 * upload left in a staging folder is removed. Nothing is made.
 *
 * @param reason - Why the item was given up, which is now why its missing copies are missing.
 * @returns how each delivery ended: imported, or failed for good.
 * @throws as {@link deliverItem} does.
 */
export async function settleDeliveries(
  pipeline: Pipeline,
  group: DeliveryGroup,
  composed: ComposedMessage,
  reason: ParkReason,
): Promise<DeliveryOutcome[]> {
  const rows = await pipeline.ledger.deliveries.of(group);
  return finish(pipeline, group, await settle(pipeline, group, composed, reason, rows));
}
