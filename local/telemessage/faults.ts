/**
 * The faults that the simulated TeleMessage is told to have, and when each takes effect.
 *
 * @module
 */
import { z } from 'zod';

const count = z.int().min(0);

const faultSchema = z.strictObject({
  match: z.strictObject({ kind: z.enum(['login', 'list', 'content']), id: z.string().optional() }),
  times: count.default(1),
  skip: count.default(0),
  effect: z.discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('status'),
      status: z.int().min(400).max(599),
      retryAfterSeconds: z.number().optional(),
      retryAfter: z.string().optional(),
    }),
    z.strictObject({ type: z.literal('redirect'), to: z.string() }),
    z.strictObject({ type: z.literal('truncate'), bytes: count }),
    z.strictObject({ type: z.literal('truncate-quietly'), bytes: count }),
    z.strictObject({ type: z.literal('corrupt') }),
    z.strictObject({ type: z.literal('stall'), afterBytes: count }),
    z.strictObject({ type: z.literal('time-out') }),
    z.strictObject({ type: z.literal('reset') }),
  ]),
});

/**
 * One fault. It takes effect on the requests that `match` (those with a good token, where one is needed), after the first `skip` of them
 * (default 0), `times` times (default 1).
 *
 * - `status`: that status, with Retry-After in seconds or as the text `retryAfter`.
 * - `redirect`: 302 to an address.
 * - `truncate`: the announced Content-Length, fewer bytes, end of the connection.
 * - `truncate-quietly`: no Content-Length, fewer bytes, a regular end; the Digest is of the whole.
 * - `corrupt`: one byte is another; the Digest is of the true bytes.
 * - `stall`: nothing more after so many bytes; the connection stays open until close().
 * - `time-out`: no answer at all; the connection stays open until close().
 * - `reset`: the connection is reset.
 */
export type Fault = z.input<typeof faultSchema>;

/** What a fault does. */
export type FaultEffect = Fault['effect'];

/** The faults in force. */
export interface FaultList {
  /** Replaces all of them. @throws Error that names what is wrong with which of them. */
  set(faults: unknown): void;
  /** @returns the effect on this request: that of the first fault that matches and is not used up. */
  take(kind: Fault['match']['kind'], id?: string): FaultEffect | undefined;
}

/** @param first - The faults to begin with. */
export function keepFaults(first: readonly Fault[] = []): FaultList {
  let faults: z.output<typeof faultSchema>[] = [];
  const list: FaultList = {
    set(given) {
      const result = z.array(faultSchema).safeParse(given);
      if (!result.success) {
        throw new Error(
          `Not a list of faults:\n${result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`).join('\n')}`,
        );
      }
      faults = result.data;
    },
    take(kind, id) {
      for (const fault of faults) {
        if (fault.match.kind !== kind || (fault.match.id !== undefined && fault.match.id !== id)) continue;
        if (fault.skip > 0) {
          fault.skip -= 1;
        } else if (fault.times > 0) {
          fault.times -= 1;
          return fault.effect;
        }
      }
      return undefined;
    },
  };
  list.set(first);
  return list;
}
