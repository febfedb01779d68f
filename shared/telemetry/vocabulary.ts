/**
 * All that telemetry may say: the metrics, the spans, and every value that may stand beside them. Anything else is refused, so that no number,
 * address or content can leave the process by this way, whatever a caller passes in.
 *
 * @module
 */
import { archivers } from '../archivers.ts';
import { PARK_REASONS, type ParkReason } from '../errors.ts';
import { queueNames } from '../storage/storage.ts';

interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** UCUM code, as OpenTelemetry wants it. */
  readonly unit: string;
  readonly description: string;
  readonly attributes: readonly (keyof MetricAttributes)[];
}

/** Every metric. The queries of the alerts and of the workbook (`infra/queries`) rely on these names and attributes. */
export const metricDefinitions = {
  'archive.items.listed': { kind: 'counter', unit: '{item}', description: 'Items listed for the first time', attributes: [] },
  'archive.items.relisted': { kind: 'counter', unit: '{item}', description: 'Items listed that an earlier run has', attributes: [] },
  'archive.items.skipped': { kind: 'counter', unit: '{item}', description: 'Items found to be duplicates', attributes: [] },
  'archive.items.failed': { kind: 'counter', unit: '{item}', description: 'Items parked', attributes: ['reason'] },
  'archive.deliveries.imported': { kind: 'counter', unit: '{delivery}', description: 'Copies made in mailboxes', attributes: [] },
  'archive.parked.depth': {
    kind: 'gauge',
    unit: '{item}',
    description: 'Items that wait in a queue of parked ones',
    attributes: ['queue'],
  },
  'archive.parked.oldest_age_seconds': { kind: 'gauge', unit: 's', description: 'Age of the oldest of them', attributes: ['queue'] },
  'archive.run.completed': { kind: 'counter', unit: '{run}', description: 'Runs completed', attributes: ['archiver'] },
  'archive.run.empty': { kind: 'counter', unit: '{run}', description: 'Runs completed without an item', attributes: [] },
  'archive.run.duration_seconds': { kind: 'histogram', unit: 's', description: 'From the start of a run to its end', attributes: [] },
  'archive.graph.throttled': { kind: 'counter', unit: '{request}', description: 'Requests that Graph put off', attributes: [] },
  'archive.source.latency_ms': { kind: 'histogram', unit: 'ms', description: 'How long TeleMessage takes to answer', attributes: [] },
  'archive.source.sign_in_refused': {
    kind: 'counter',
    unit: '{call}',
    description: 'Calls that a refused sign-in stopped',
    attributes: [],
  },
  'archive.audit.broken': {
    kind: 'counter',
    unit: '{link}',
    description: 'Broken links of the audit log that a sweep met',
    attributes: [],
  },
  'archive.reconcile.lost': { kind: 'counter', unit: '{item}', description: 'Items that are not where they have to be', attributes: [] },
} as const satisfies Record<string, MetricDefinition>;

/** Name of a metric. */
export type MetricName = keyof typeof metricDefinitions;
type MetricOfKind<Kind> = { [Name in MetricName]: (typeof metricDefinitions)[Name]['kind'] extends Kind ? Name : never }[MetricName];
/** Metrics that add up. */
export type CounterName = MetricOfKind<'counter'>;
/** Metrics of which the newest value counts. */
export type GaugeName = MetricOfKind<'gauge'>;
/** Metrics of which the spread counts. */
export type HistogramName = MetricOfKind<'histogram'>;

/** What may stand beside a measurement. */
export interface MetricAttributes {
  readonly reason?: ParkReason;
  /** Name of a queue of parked items. */
  readonly queue?: (typeof queueNames)[keyof typeof queueNames];
  /** Id of an archiver. */
  readonly archiver?: string;
}

/** Every span. */
export const spanNames = ['run.list', 'item.download', 'item.import'] as const;
/** Name of a span. */
export type SpanName = (typeof spanNames)[number];

/** What a caller may put beside a span. */
export interface SpanAttributes {
  readonly runId?: string;
  /** Hash of archiver and source id. */
  readonly itemKey?: string;
  readonly archiver?: string;
}

/** How the work of a span ended: done, parked, to be done later, or to be tried again. */
export type SpanResult = 'done' | 'park' | 'later' | 'again';

/** Stands where a value was refused. */
export const REFUSED = 'refused';

const oneOf = (values: Iterable<string>) => {
  const known = new Set(values);
  return (value: string) => known.has(value);
};
const isArchiver = oneOf(archivers.keys());
/** A run id is an archiver's id and a number; six digits last 2,700 years, and nine are fewer than any telephone number with its country. */
const RUN_ID = new RegExp(`^(?:${[...archivers.keys()].join('|')})-\\d{1,9}$`);
const ITEM_KEY = /^[0-9a-f]{40}$/;
const isReason = oneOf(Object.keys(PARK_REASONS));

const metricValues: Record<keyof MetricAttributes, (value: string) => boolean> = {
  reason: isReason,
  queue: oneOf(Object.values(queueNames)),
  archiver: isArchiver,
};

/** Attributes of spans as they are sent, and what each may be. */
const spanValues: Readonly<Record<string, (value: string) => boolean>> = {
  'archive.run': (value) => RUN_ID.test(value),
  'archive.item': (value) => ITEM_KEY.test(value),
  'archive.archiver': isArchiver,
  'archive.result': oneOf(['done', 'park', 'later', 'again'] satisfies SpanResult[]),
  'archive.reason': isReason,
};

const isSpanName = oneOf(spanNames);

/** The name of a span, or {@link REFUSED}. */
export function allowSpanName(name: string): string {
  return isSpanName(name) ? name : REFUSED;
}

/** Those attributes of a span that may leave the process. A name that is not known goes with its value; a bad value of a known one is {@link REFUSED}. */
export function allowSpanAttributes(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const allowed: Record<string, string> = {};
  for (const [name, isKnown] of Object.entries(spanValues)) {
    const value = given[name];
    if (value !== undefined) allowed[name] = typeof value === 'string' && isKnown(value) ? value : REFUSED;
  }
  return allowed;
}

/**
 * Those attributes of a measurement that may leave the process.
 *
 * @param names - The attributes that the metric has.
 */
export function allowMetricAttributes(
  given: Readonly<Record<string, unknown>>,
  names: readonly (keyof MetricAttributes)[] = ['reason', 'queue', 'archiver'],
): Record<string, string> {
  const allowed: Record<string, string> = {};
  for (const name of names) {
    const value = given[name];
    if (value !== undefined) allowed[name] = typeof value === 'string' && metricValues[name](value) ? value : REFUSED;
  }
  return allowed;
}
