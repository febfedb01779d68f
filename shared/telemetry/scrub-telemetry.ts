/**
 * The last gate before the exporters: whoever made a span, a log record or a measurement, only what the vocabulary knows passes.
 *
 * The app itself sends nothing else. The gate is for what libraries would send, now or after an update or a setting: URLs of requests to Graph and of blobs
 * (`url.full`, `http.url`), statements (`db.statement`), messages and stacks of errors.
 *
 * @module
 */
import type { useAzureMonitor } from 'applicationinsights';
import { allowMetricAttributes, allowSpanAttributes, allowSpanName, REFUSED } from './vocabulary.ts';

type AzureMonitorOptions = NonNullable<Parameters<typeof useAzureMonitor>[0]>;
type Processor<Kind extends 'spanProcessors' | 'logRecordProcessors'> = NonNullable<AzureMonitorOptions[Kind]>[number];

const done = () => Promise.resolve();

/** What of an ended span the gate may change. The SDK's type is read-only, its objects are not. */
interface Changeable {
  name: string;
  attributes: Record<string, unknown>;
  events: unknown[];
  links: { attributes?: object }[];
  status: { code: number; message?: string };
}

/** Takes everything out of a span that the vocabulary does not know. It has to stand before the exporter's processor. */
export const scrubSpans: Processor<'spanProcessors'> = {
  onStart: () => undefined,
  onEnd(ended) {
    const span = ended as unknown as Changeable;
    const allowed = allowSpanAttributes(span.attributes);
    for (const name of Object.keys(span.attributes)) delete span.attributes[name];
    Object.assign(span.attributes, allowed);
    span.name = allowSpanName(span.name);
    span.status = { code: span.status.code };
    span.events.length = 0;
    for (const link of span.links) delete link.attributes;
  },
  forceFlush: done,
  shutdown: done,
};

/** Empties every log record: the lines of the app go to the host, which forwards them, so a record that comes this way is not the app's. */
export const scrubLogs: Processor<'logRecordProcessors'> = {
  onEmit(record) {
    record.setBody(REFUSED);
    for (const name of Object.keys(record.attributes)) delete record.attributes[name];
    record.eventName = REFUSED;
  },
  forceFlush: done,
  shutdown: done,
};

/** Takes every attribute out of a measurement that the vocabulary does not know, whichever library made it. */
export const scrubMetrics = {
  instrumentName: '*',
  attributesProcessors: [{ process: (attributes: Readonly<Record<string, unknown>>) => allowMetricAttributes(attributes) }],
} satisfies NonNullable<AzureMonitorOptions['views']>[number];
