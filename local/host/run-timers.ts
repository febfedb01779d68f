/**
 * Runs the app's timers: by command, and by their schedules where that is wanted.
 *
 * @module
 */
import type { TypedData } from './core-types.ts';
import type { TimerTrigger } from './read-triggers.ts';

/** The timers of a running host. */
export interface Timers {
  /**
   * Runs a timer now, after a run of the same timer that is still under way: the real host never runs one twice at a time.
   *
   * @param isPastDue - What the function is told about being late.
   * @throws Error when there is no such timer, and whatever the function throws.
   */
  trigger(name: string, isPastDue: boolean): Promise<void>;
  /** Starts no more scheduled runs. */
  stop(): void;
}

/** Longest delay of `setTimeout`, in ms; a longer one would fire at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/**
 * Prepares the timers.
 *
 * @param bySchedule - Whether they also run by their schedules. Unlike in Azure nothing is remembered between two hosts, so a missed time is not made up for.
 * @param invoke - Runs the function with the timer's data; rejects when it failed.
 * @param onScheduledFailure - Told of a failed scheduled run, which nobody waits for.
 */
export function startTimers(
  triggers: readonly TimerTrigger[],
  bySchedule: boolean,
  invoke: (trigger: TimerTrigger, input: TypedData) => Promise<unknown>,
  onScheduledFailure: (trigger: TimerTrigger, error: unknown) => void,
): Timers {
  const lastRuns = new Map<TimerTrigger, Promise<unknown>>();
  const waiting = new Map<TimerTrigger, NodeJS.Timeout>();
  const lastTimes = new Map<TimerTrigger, Date>();

  async function run(trigger: TimerTrigger, isPastDue: boolean): Promise<void> {
    const before = lastRuns.get(trigger) ?? Promise.resolve();
    // Whether the run before failed was told to whoever started it.
    const current = before.catch(() => {}).then(() => invoke(trigger, timerInput(trigger, lastTimes.get(trigger), isPastDue)));
    lastRuns.set(trigger, current);
    try {
      await current;
    } finally {
      lastTimes.set(trigger, new Date());
    }
  }

  function scheduleNext(trigger: TimerTrigger): void {
    const next = trigger.schedule.nextAfter(new Date());
    if (next === undefined) {
      return;
    }
    const delayMs = next.getTime() - Date.now();
    const isTooFar = delayMs > LONGEST_DELAY_MS;
    const timer = setTimeout(
      () => {
        if (isTooFar) {
          scheduleNext(trigger);
          return;
        }
        run(trigger, false)
          .catch((error: unknown) => onScheduledFailure(trigger, error))
          .finally(() => {
            if (waiting.has(trigger)) {
              scheduleNext(trigger);
            }
          });
      },
      Math.min(delayMs, LONGEST_DELAY_MS),
    );
    waiting.set(trigger, timer);
  }

  if (bySchedule) {
    triggers.filter(({ disabled }) => !disabled).forEach(scheduleNext);
  }
  return {
    async trigger(name, isPastDue) {
      const trigger = triggers.find((candidate) => candidate.name === name);
      if (trigger === undefined) {
        throw new Error(`the app has no timer function "${name}"; it has ${triggers.map((known) => known.name).join(', ') || 'none'}`);
      }
      await run(trigger, isPastDue);
    },
    stop() {
      waiting.forEach((timer) => clearTimeout(timer));
      waiting.clear();
    },
  };
}

function timerInput({ schedule }: TimerTrigger, last: Date | undefined, IsPastDue: boolean): TypedData {
  const now = new Date();
  const ScheduleStatus = {
    // .NET's earliest time stands for "never", as in the real host.
    Last: last?.toISOString() ?? '0001-01-01T00:00:00',
    Next: schedule.nextAfter(now)?.toISOString(),
    LastUpdated: now.toISOString(),
  };
  return { json: JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus, IsPastDue }) };
}
