/**
 * Metrics and spans of the app, on the OpenTelemetry API alone: until an SDK is registered, every call does nothing.
 *
 * @module
 */
import {
  context,
  isSpanContextValid,
  metrics,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Counter,
  type Gauge,
  type Histogram,
  type Span,
} from '@opentelemetry/api';
import { PermanentError, RetryAfterError } from '../errors.ts';
import { limitTraces } from './limit-traces.ts';
import { readTraceparent, writeTraceparent } from './trace-context.ts';
import {
  allowMetricAttributes,
  allowSpanAttributes,
  metricDefinitions,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type MetricAttributes,
  type MetricName,
  type SpanAttributes,
  type SpanName,
  type SpanResult,
} from './vocabulary.ts';

/** What the steps tell of themselves. No call of it throws anything of its own, and none waits, but for `flush`. */
export interface Telemetry {
  /** Adds to a counter. @param value - @defaultValue 1 */
  count(name: CounterName, value?: number, attributes?: MetricAttributes): void;
  /** Says how much there is of something now. */
  gauge(name: GaugeName, value: number, attributes?: MetricAttributes): void;
  /** Adds one value to a histogram. */
  record(name: HistogramName, value: number, attributes?: MetricAttributes): void;
  /**
   * Does work within a span. The span says how the work ended, never with which message; an error goes on as it is.
   *
   * @param options - `traceparent` as it came with the queue message; without it the span belongs to the active one.
   */
  span<Result>(
    name: SpanName,
    options: { readonly traceparent?: string | undefined; readonly attributes?: SpanAttributes },
    work: () => Promise<Result>,
  ): Promise<Result>;
  /** Trace context for a message that the work at hand sends, or undefined where nothing is traced. */
  traceparent(): string | undefined;
  /** Sends what is gathered. Never throws and never takes longer than {@link FLUSH_MS}: what cannot be sent is kept for the next time. */
  flush(): Promise<void>;
}

/** How long a flush may hold up the end of a function, in ms. */
export const FLUSH_MS = 5_000;

/** The name under which the SDK knows this app. */
const SCOPE = 'enterprise-number-archiver';

type Instrument = Counter | Gauge | Histogram;

/** Flushes a provider of any SDK; the API has no word for it. */
async function flushProvider(provider: object): Promise<void> {
  const delegate: unknown = 'getDelegate' in provider && typeof provider.getDelegate === 'function' ? provider.getDelegate() : provider;
  if (typeof delegate !== 'object' || delegate === null || !('forceFlush' in delegate)) return;
  if (typeof delegate.forceFlush === 'function') await delegate.forceFlush();
}

function resultOf(error: unknown): { readonly result: SpanResult; readonly reason?: string } {
  if (error instanceof PermanentError) return { result: 'park', reason: error.reason };
  return { result: error instanceof RetryAfterError ? 'later' : 'again' };
}

function endSpan(span: Span, result: SpanResult, reason?: string): void {
  span.setAttributes(allowSpanAttributes({ 'archive.result': result, 'archive.reason': reason }));
  if (result === 'park' || result === 'again') span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/**
 * Makes the telemetry of the app; without an SDK it does nothing.
 *
 * @param clock - In ms, never going back. @defaultValue that of the process
 */
export function createTelemetry(clock: () => number = () => performance.now()): Telemetry {
  // Starting the SDK makes everything obsolete that was got from the API before, so what is kept is kept for one provider.
  let provider: object | undefined;
  let instruments = new Map<MetricName, Instrument>();
  const isTraced = limitTraces(clock);

  const instrumentOf = (name: MetricName): Instrument => {
    const current = metrics.getMeterProvider();
    if (current !== provider) {
      provider = current;
      instruments = new Map();
    }
    let instrument = instruments.get(name);
    if (instrument === undefined) {
      const meter = metrics.getMeter(SCOPE);
      const { kind, unit, description } = metricDefinitions[name];
      const options = { unit, description };
      if (kind === 'counter') instrument = meter.createCounter(name, options);
      else if (kind === 'gauge') instrument = meter.createGauge(name, options);
      else instrument = meter.createHistogram(name, options);
      instruments.set(name, instrument);
    }
    return instrument;
  };

  const measure = (name: MetricName, value: number, attributes: MetricAttributes = {}): void => {
    if (!Number.isFinite(value)) return;
    const instrument = instrumentOf(name);
    const allowed = allowMetricAttributes({ ...attributes }, metricDefinitions[name].attributes);
    if ('add' in instrument) instrument.add(value, allowed);
    else instrument.record(value, allowed);
  };

  return {
    count: (name, value = 1, attributes) => {
      if (value > 0) measure(name, value, attributes);
    },
    gauge: measure,
    record: measure,

    async span(name, { traceparent, attributes = {} }, work) {
      const active = context.active();
      const host = trace.getSpanContext(active);
      const parent = readTraceparent(traceparent);
      const isItem = name === 'item.download' || name === 'item.import';
      // A download decides whether its item is traced and tells the import, so that a trace has both or neither.
      const decides = isItem && (name === 'item.download' || parent === undefined);
      if ((isItem && parent?.traceFlags === TraceFlags.NONE) || (decides && !isTraced())) {
        const untraced = parent ?? host;
        if (untraced === undefined) return work();
        return context.with(trace.setSpanContext(active, { ...untraced, traceFlags: TraceFlags.NONE }), work);
      }
      const { runId, itemKey, archiver } = attributes;
      const span = trace.getTracer(SCOPE).startSpan(
        name,
        {
          attributes: allowSpanAttributes({ 'archive.run': runId, 'archive.item': itemKey, 'archive.archiver': archiver }),
          // The host has a trace of its own for each invocation; its log lines are found by this link.
          links: parent !== undefined && host !== undefined && isSpanContextValid(host) ? [{ context: host }] : [],
        },
        parent === undefined ? active : trace.setSpanContext(ROOT_CONTEXT, parent),
      );
      try {
        const value = await context.with(trace.setSpan(active, span), work);
        endSpan(span, 'done');
        return value;
      } catch (error) {
        const { result, reason } = resultOf(error);
        endSpan(span, result, reason);
        throw error;
      }
    },

    traceparent: () => {
      const spanContext = trace.getSpanContext(context.active());
      return spanContext !== undefined && isSpanContextValid(spanContext) ? writeTraceparent(spanContext) : undefined;
    },

    async flush() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, FLUSH_MS);
      // The exporters keep what they cannot send and say so in the log of the process: archiving goes on without them.
      const sent = Promise.allSettled([flushProvider(metrics.getMeterProvider()), flushProvider(trace.getTracerProvider())]);
      await Promise.race([sent, late]);
      clearTimeout(timer);
    },
  };
}
