/**
 * The words between a functions host's process and the process that started it.
 *
 * @module
 */
import type { HostEvent, HostFunction } from './host-events.ts';
import type { HostOptions } from './start-host.ts';

/** The host process's argument, as JSON; times in ms. The app settings are its environment. */
export interface HostArguments extends Pick<HostOptions, 'entry' | 'hostJson' | 'leaseMs' | 'maxPollingIntervalMs' | 'runTimers'> {
  /** How long a stopping host waits for what is under way. */
  graceMs: number;
}

/** What the host is asked to do; it answers each with the same `id` when it is done. */
export type HostCommand =
  | { readonly kind: 'trigger'; readonly id: number; readonly name: string; readonly isPastDue: boolean }
  | { readonly kind: 'drain'; readonly id: number };

/** What the host says. */
export type HostMessage =
  | { readonly kind: 'ready'; readonly functions: readonly HostFunction[]; readonly httpUrl: string | undefined }
  | { readonly kind: 'event'; readonly event: HostEvent }
  | { readonly kind: 'answer'; readonly id: number; readonly error: string | undefined };
