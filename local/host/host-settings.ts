/**
 * Reads the parts of host.json that change what an app does: queues, the route prefix and log levels.
 *
 * @module
 */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { LogLevel } from './core-types.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const logLevels = ['Trace', 'Debug', 'Information', 'Warning', 'Error', 'Critical', 'None'] as const;

/** `d.hh:mm:ss.fff`, days and fraction optional, in ms. */
const timeSpan = z
  .string()
  .regex(/^(?:\d+\.)?(?:[01]?\d|2[0-3]):[0-5]?\d:[0-5]?\d(?:\.\d+)?$/, 'expected a time span hh:mm:ss')
  .transform((text) => {
    const [, days = '0', hours, minutes, seconds] = /^(?:(\d+)\.)?(\d+):(\d+):([\d.]+)$/.exec(text) ?? [];
    return Number(days) * DAY_MS + (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1000;
  });

// The defaults are those of the real host (Storage extension 5, measured in host 4.1037). Unknown names are refused: the real host ignores them,
// so a misspelt limit would silently be the default.
const queueSettings = z
  .strictObject({
    batchSize: z.int().min(1).max(32).default(16),
    newBatchThreshold: z.int().min(0).optional(),
    maxDequeueCount: z.int().min(1).default(5),
    visibilityTimeout: timeSpan.pipe(z.number().max(7 * DAY_MS)).default(0),
    maxPollingInterval: timeSpan.pipe(z.number().min(100)).default(60_000),
    messageEncoding: z.enum(['base64', 'none']).default('base64'),
  })
  .transform((queues) => ({
    batchSize: queues.batchSize,
    newBatchThreshold: queues.newBatchThreshold ?? Math.floor(queues.batchSize / 2) * availableParallelism(),
    maxDequeueCount: queues.maxDequeueCount,
    visibilityTimeoutMs: queues.visibilityTimeout,
    maxPollingIntervalMs: queues.maxPollingInterval,
    messageEncoding: queues.messageEncoding,
  }));

const hostJsonSchema = z.looseObject({
  version: z.literal('2.0'),
  extensions: z
    .looseObject({
      queues: queueSettings.prefault({}),
      http: z.looseObject({ routePrefix: z.string().default('api') }).prefault({}),
    })
    .prefault({}),
  logging: z.looseObject({ logLevel: z.record(z.string(), z.enum(logLevels)).default({}) }).prefault({}),
});

/** How messages of queues are taken and tried; times in ms. */
export type QueueSettings = z.output<typeof queueSettings>;

/** What the local host uses of host.json. */
export interface HostSettings {
  readonly queues: QueueSettings;
  readonly routePrefix: string;
  /** Whether a line of a category (`Function.importItem.User`) and level is to be written. */
  readonly isLogged: (category: string, level: LogLevel) => boolean;
}

/**
 * Reads host.json.
 *
 * @param hostJson - The parsed file.
 * @throws Error that lists every bad setting by its path.
 */
export function readHostSettings(hostJson: unknown): HostSettings {
  const result = hostJsonSchema.safeParse(hostJson);
  if (!result.success) {
    throw new Error(`host.json is not usable:\n${z.prettifyError(result.error)}`);
  }
  const { extensions, logging } = result.data;
  return { queues: extensions.queues, routePrefix: extensions.http.routePrefix, isLogged: logFilter(logging.logLevel) };
}

function logFilter(configured: Record<string, (typeof logLevels)[number]>): HostSettings['isLogged'] {
  const rank = (level: string): number => logLevels.findIndex((known) => known.toLowerCase() === level.toLowerCase());
  // The rule with the longest category that begins the line's category counts, as in .NET's logging.
  const rules = Object.entries(configured).toSorted(([a], [b]) => b.length - a.length);
  return (category, level) => {
    const rule = rules.find(([prefix]) => category === prefix || category.startsWith(`${prefix}.`));
    const lowest = rule?.[1] ?? configured['default'] ?? 'Information';
    return lowest !== 'None' && rank(level) >= rank(lowest);
  };
}
