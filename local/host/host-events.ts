/**
 * What the local host tells about itself: its functions, and what happens to them.
 *
 * @module
 */
import type { PoisonReason } from './process-message.ts';

/** A function of the running app. */
export type HostFunction = {
  readonly name: string;
  /** True when the app setting `AzureWebJobs.<name>.Disabled` switched it off. */
  readonly disabled: boolean;
} & (
  | { readonly type: 'timer'; readonly schedule: string; /** The next time by the schedule, ISO UTC. */ readonly next: string }
  | { readonly type: 'queue'; readonly queueName: string }
  | { readonly type: 'http'; readonly route: string; readonly methods: readonly string[]; readonly authLevel: string }
);

/** One thing that happened. */
export type HostEvent =
  | {
      readonly kind: 'invocationStarted';
      readonly name: string;
      readonly invocationId: string;
      /** Which try of its queue message this is; undefined for other triggers. */
      readonly dequeueCount: number | undefined;
    }
  | {
      readonly kind: 'invocationEnded';
      readonly name: string;
      readonly invocationId: string;
      readonly dequeueCount: number | undefined;
      readonly ok: boolean;
      /** Message of what was thrown. */
      readonly error: string | undefined;
      readonly durationMs: number;
    }
  | { readonly kind: 'movedToPoison'; readonly queueName: string; readonly messageId: string; readonly reason: PoisonReason }
  /** Nothing is under way; messages may still wait in queues. */
  | { readonly kind: 'idle' };
