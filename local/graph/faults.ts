/**
 * Trouble on demand: faults that strike some requests, and conditions of a mailbox that last.
 *
 * @module
 */
import { z } from 'zod';
import { GraphError } from './graph-error.ts';
import { requestKinds, type RequestKind } from './request-kinds.ts';

const status = z.int().min(200).max(599);
const code = z.string().min(1).optional();

/** What a fault does. The kinds that end in `-after-effect` let the request take effect first: only its answer is lost. */
const effectSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('status'), status, code, retryAfterSeconds: z.number().min(0).optional() }),
  z.strictObject({ type: z.literal('status-after-effect'), status, code }),
  z.strictObject({ type: z.literal('time-out') }),
  z.strictObject({ type: z.literal('time-out-after-effect') }),
  z.strictObject({ type: z.literal('reset') }),
  z.strictObject({ type: z.literal('reset-after-effect') }),
]);

const faultSchema = z.strictObject({
  /** What the fault waits for; every given part must fit. `mailbox` is any name of its user: id, user principal name or address. */
  match: z.strictObject({ method: z.string().optional(), kind: z.enum(requestKinds).optional(), mailbox: z.string().optional() }),
  /** How often it strikes; 1 unless given. */
  times: z.int().min(1).optional(),
  /** How many matching requests pass before it strikes; 0 unless given. */
  skip: z.int().min(0).optional(),
  effect: effectSchema,
});

const conditionSchema = z.strictObject({
  /** Any name of the mailbox's user: id, user principal name or address. */
  mailbox: z.string(),
  /** `quotaExceeded` refuses what makes the mailbox grow, `accessDenied` everything, `senderRefused` creates that name a sender. */
  condition: z.enum(['quotaExceeded', 'accessDenied', 'senderRefused']),
});

/** A fault. */
export type Fault = z.input<typeof faultSchema>;
/** What a fault does. */
export type FaultEffect = z.output<typeof effectSchema>;
/** A state of a mailbox that lasts until it is taken back. */
export type MailboxCondition = z.input<typeof conditionSchema>;

const troubleSchema = z.strictObject({
  faults: z.array(faultSchema).optional(),
  conditions: z.array(conditionSchema).optional(),
  mailboxConcurrency: z.int().min(1).nullable().optional(),
});

/** What {@link FaultPlan.set} takes; a part that is absent stays as it is, `mailboxConcurrency: null` takes the limit away. */
export type Trouble = z.input<typeof troubleSchema>;

/** What is known of a request when a fault is looked for. */
export interface RequestTarget {
  readonly method: string;
  readonly kind: RequestKind;
  /** Everything that the mailbox's user is known by, lower case; empty for requests without one. */
  readonly names: ReadonlySet<string>;
}

/** The faults and conditions in force. */
export interface FaultPlan {
  /** @throws ZodError for something that is no fault, so that a mistyped test does not pass for want of trouble. */
  set(trouble: unknown): void;
  /** The effect that strikes this request, which uses up one time of its fault. */
  take(target: RequestTarget): FaultEffect | undefined;
  /** @throws GraphError where a condition of the mailbox refuses the request. */
  checkConditions(target: RequestTarget, body: Buffer): void;
  /** Requests at once to one mailbox, if limited. */
  mailboxConcurrency(): number | undefined;
  /** Faults that have not struck as often as they shall. */
  pending(): readonly Fault[];
}

const GROWING: ReadonlySet<RequestKind> = new Set(['create-folder', 'create-message', 'add-attachment', 'create-upload', 'put-range']);

/** A plan without trouble. */
export function createFaultPlan(): FaultPlan {
  let faults: { fault: z.output<typeof faultSchema>; skip: number; times: number }[] = [];
  let conditions: MailboxCondition[] = [];
  let concurrency: number | undefined;

  return {
    set(input) {
      const trouble = troubleSchema.parse(input);
      faults = trouble.faults?.map((fault) => ({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 })) ?? faults;
      conditions = trouble.conditions ?? conditions;
      if (trouble.mailboxConcurrency !== undefined) concurrency = trouble.mailboxConcurrency ?? undefined;
    },
    take({ method, kind, names }) {
      for (const state of faults) {
        const { match, effect } = state.fault;
        if (match.method !== undefined && match.method.toUpperCase() !== method) continue;
        if (match.kind !== undefined && match.kind !== kind) continue;
        if (match.mailbox !== undefined && !names.has(match.mailbox.toLowerCase())) continue;
        if (state.skip > 0) {
          state.skip -= 1;
          continue;
        }
        if (state.times === 0) continue;
        state.times -= 1;
        return effect;
      }
      return undefined;
    },
    checkConditions({ kind, names }, body) {
      for (const { mailbox, condition } of conditions) {
        if (!names.has(mailbox.toLowerCase()) || kind === 'get-user') continue;
        if (condition === 'accessDenied')
          throw new GraphError(403, 'ErrorAccessDenied', 'Access is denied. Check credentials and try again.');
        if (condition === 'quotaExceeded' && GROWING.has(kind)) {
          throw new GraphError(507, 'ErrorQuotaExceeded', 'The user has exceeded the mailbox quota.');
        }
        if (condition === 'senderRefused' && kind === 'create-message' && /"(?:from|sender)"\s*:/.test(body.toString('utf8'))) {
          throw new GraphError(
            403,
            'ErrorSendAsDenied',
            'The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account.',
          );
        }
      }
    },
    mailboxConcurrency: () => concurrency,
    pending: () => faults.filter(({ times }) => times > 0).map(({ fault, skip, times }) => ({ ...fault, skip, times })),
  };
}
