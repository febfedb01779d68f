/**
 * The W3C trace context as it travels in queue messages: one line of text, read strictly.
 *
 * Written and read here rather than by the propagator that is registered, because `OTEL_PROPAGATORS` can exchange that one, and then the instances of an
 * app would not understand each other's messages.
 *
 * @module
 */
import { isSpanContextValid, TraceFlags, type SpanContext } from '@opentelemetry/api';

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * Writes a trace context.
 *
 * @returns version 00 of the header `traceparent`, 55 characters. Source: W3C Trace Context.
 */
export function writeTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${(traceFlags & TraceFlags.SAMPLED) === 0 ? '00' : '01'}`;
}

/**
 * Reads a trace context.
 *
 * @returns what the text says, or undefined where it says nothing usable: anybody who can write to the queue can write it.
 */
export function readTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(text ?? '') ?? [];
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(spanContext) ? spanContext : undefined;
}
