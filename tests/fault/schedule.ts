/**
 * Random schedules: a few items, what the machines are like, what is done in which order, and which requests go wrong how.
 *
 * @module
 */
import fc from 'fast-check';
import type { Fault } from './fault-proxy.ts';
import { workQueues, type HostOptions, type WorkQueue } from './fault-world.ts';
import { itemKinds, type ItemKind } from './make-items.ts';
import { durableSteps, readingSteps, stepsOfTheDay } from './steps.ts';

/** One thing that is done or happens. `instance` counts modulo the instances there are. */
export type Act =
  | { readonly act: 'list' | 'sweep' | 'reprocess' | 'reconcile' | 'kill'; readonly instance: number }
  | { readonly act: 'list-at-once' | 'sweep-at-once' | 'pump' | 'work' | 'expire-tokens' }
  | { readonly act: 'purge'; readonly queue: WorkQueue }
  | { readonly act: 'lose-row'; readonly item: number }
  | { readonly act: 'jump'; readonly ms: number };

/** A fault and where it strikes. */
export interface AimedFault {
  readonly step: string;
  /** How many requests of this step pass before. */
  readonly skip: number;
  readonly fault: Fault;
}

/** A schedule. */
export interface Schedule {
  readonly items: readonly ItemKind[];
  /** Items that arrive on the second day. */
  readonly later: readonly ItemKind[];
  readonly host: Omit<HostOptions, 'plan'>;
  readonly acts: readonly Act[];
  readonly faults: readonly AimedFault[];
}

const HOUR = 3_600_000;
const when = fc.constantFrom('before' as const, 'after' as const);
const instance = fc.nat(1);

const silence = (...moments: readonly ('before' | 'after' | 'late')[]): fc.Arbitrary<Fault> =>
  fc.record({ kind: fc.constant('silence' as const), when: fc.constantFrom(...moments) });

const brokenAnswers: fc.Arbitrary<Fault> = fc.oneof(
  fc.record({ kind: fc.constant('status' as const), when, status: fc.constantFrom(500, 502, 504) }),
  // Without Retry-After it may have taken effect; with it, it has not.
  fc.record({ kind: fc.constant('status' as const), when, status: fc.constant(503) }),
  fc.record({
    kind: fc.constant('status' as const),
    when: fc.constant('before' as const),
    status: fc.constant(503),
    retryAfter: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant('reset' as const), when }),
  fc.record({ kind: fc.constant('crash' as const), when }),
);
/** Storage gives up before its clients do, so that nothing takes effect late; and the clients answer throttling by themselves. */
const storageFaults: fc.Arbitrary<Fault> = fc.oneof(
  // Each costs as long as the app waits.
  { weight: 15, arbitrary: brokenAnswers },
  { weight: 1, arbitrary: silence('before', 'after') },
);
/** Of Graph and TeleMessage. */
const callerFaults: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 5, arbitrary: brokenAnswers },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('status' as const),
      when: fc.constant('before' as const),
      status: fc.constantFrom(429, 503),
      retryAfter: fc.constantFrom(1, 30, 600, 7_200),
    }),
  },
  { weight: 1, arbitrary: silence('before', 'after', 'late') },
);

function faultsOf(step: string): fc.Arbitrary<Fault> {
  const base = /^(graph|telemessage) /.test(step) ? callerFaults : storageFaults;
  return readingSteps.has(step)
    ? fc.oneof({ weight: 3, arbitrary: base }, { weight: 1, arbitrary: fc.constant({ kind: 'truncate' } as const) })
    : base;
}

const aimedAt = (step: fc.Arbitrary<string>, skip: fc.Arbitrary<number>): fc.Arbitrary<AimedFault> =>
  step.chain((name) => fc.record({ step: fc.constant(name), skip, fault: faultsOf(name) }));

/** At a step that every schedule with the right item comes to. */
const sureFault = aimedAt(
  fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...stepsOfTheDay) }, { weight: 1, arbitrary: fc.constantFrom(...readingSteps) }),
  fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
);
/** Anywhere. */
const wildFault = aimedAt(
  fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...durableSteps) }, { weight: 1, arbitrary: fc.constantFrom(...readingSteps) }),
  fc.oneof(fc.constant(0), fc.nat(6)),
);

/** The item without which a step does not come. */
const NEEDED: readonly (readonly [steps: RegExp, kind: ItemKind])[] = [
  [/create-upload|put-range|get-upload|items block/, 'large'],
  [/attachment|move-message|delete-message|find-message/, 'attached'],
  [/oversize/, 'oversize'],
  [/unmapped|parked/, 'unmapped'],
  [/-many/, 'two'],
  [/content superseded|content read/, 'twin'],
];

const weigh = (...entries: readonly (readonly [number, fc.Arbitrary<Act>])[]) =>
  fc.oneof(...entries.map(([weight, arbitrary]) => ({ weight, arbitrary })));

const act = weigh(
  [4, fc.constant({ act: 'pump' })],
  [3, fc.constant({ act: 'work' })],
  [2, fc.record({ act: fc.constantFrom('list' as const, 'sweep' as const, 'kill' as const), instance })],
  [1, fc.record({ act: fc.constantFrom('reprocess' as const, 'reconcile' as const), instance })],
  [1, fc.constant({ act: 'list-at-once' })],
  [1, fc.constant({ act: 'sweep-at-once' })],
  [1, fc.constant({ act: 'expire-tokens' })],
  [2, fc.record({ act: fc.constant('purge' as const), queue: fc.constantFrom(...workQueues) })],
  [2, fc.record({ act: fc.constant('lose-row' as const), item: fc.nat(7) })],
  [
    2,
    fc.record({
      act: fc.constant('jump' as const),
      ms: fc.constantFrom(-48 * HOUR, -2 * HOUR, -60_000, 180_000, 5 * HOUR, 48 * HOUR),
    }),
  ],
);

const kinds = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom<ItemKind[]>('one', 'two', 'group', 'attached', 'unmapped', 'twin', 'retold', 'deletion') },
  { weight: 1, arbitrary: fc.constantFrom<ItemKind[]>(...itemKinds) },
);

const host = fc.record({
  clocks: fc.constantFrom([0], [0, 0], [0, 4_000], [3_000, -2_000]),
  maxDequeueCount: fc.constantFrom(2, 5, 30),
  duplicateEvery: fc.constantFrom(0, 0, 1, 2, 5),
  staleEvery: fc.constantFrom(0, 0, 1, 3),
});

const schedulesWith = (first: AimedFault): fc.Arbitrary<Schedule> => {
  const needed = NEEDED.find(([steps]) => steps.test(first.step))?.[1];
  return fc.record({
    items: fc.array(kinds, { minLength: 2, maxLength: 4 }).map((items) => (needed === undefined ? items : [...items, needed])),
    later: fc.array(kinds, { maxLength: 2 }),
    host,
    acts: fc.array(act, { maxLength: 10 }),
    faults: fc.array(wildFault, { maxLength: 8 }).map((faults) => [first, ...faults]),
  });
};

/** Any schedule. */
export const schedules: fc.Arbitrary<Schedule> = sureFault.chain(schedulesWith);

/** The kinds of faults that there are for a step. */
export function faultKindsOf(step: string): readonly Fault['kind'][] {
  return ['status', 'reset', 'silence', 'crash', ...(readingSteps.has(step) ? (['truncate'] as const) : [])];
}

/** Any schedule with a fault of one kind at the first request of a step, if there is one. */
export const schedulesAimedAt = (step: string, kind: Fault['kind']): fc.Arbitrary<Schedule> =>
  faultsOf(step)
    .filter((fault) => fault.kind === kind)
    .chain((fault) => schedulesWith({ step, skip: 0, fault }));
