/** The gate before the exporters: what libraries might send does not leave the process. @module */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { metrics, SpanStatusCode, trace } from '@opentelemetry/api';
import { logs, metrics as metricsSdk, NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { scrubLogs, scrubMetrics, scrubSpans } from '../../shared/telemetry/scrub-telemetry.ts';

const ADDRESS = 'ada@contoso.example';
const URL_WITH_ADDRESS = `https://graph.microsoft.com/v1.0/users/${ADDRESS}/mailFolders`;

describe('the gate before the exporters', () => {
  const spans = new tracing.InMemorySpanExporter();
  const measurements = new metricsSdk.InMemoryMetricExporter(metricsSdk.AggregationTemporality.DELTA);
  const records = new logs.InMemoryLogRecordExporter();
  const logProvider = new logs.LoggerProvider({
    processors: [scrubLogs, new logs.SimpleLogRecordProcessor({ exporter: records })],
  });
  const sdk = new NodeSDK({
    autoDetectResources: false,
    instrumentations: [],
    spanProcessors: [scrubSpans, new tracing.SimpleSpanProcessor(spans)],
    metricReaders: [new metricsSdk.PeriodicExportingMetricReader({ exporter: measurements, exportIntervalMillis: 2 ** 31 - 1 })],
    views: [scrubMetrics],
  });
  before(() => sdk.start());
  after(() => Promise.all([sdk.shutdown(), logProvider.shutdown()]));

  test('a span of a library keeps its place in the trace and its time, and loses its name, attributes, events and messages', () => {
    const parent = trace.getTracer('http').startSpan('item.import', { attributes: { 'archive.item': 'b'.repeat(40) } });
    const span = trace.getTracer('http').startSpan(`GET ${URL_WITH_ADDRESS}`, {
      attributes: { 'url.full': URL_WITH_ADDRESS, 'http.url': URL_WITH_ADDRESS, 'db.statement': ADDRESS, 'enduser.id': ADDRESS },
      links: [{ context: parent.spanContext(), attributes: { address: ADDRESS } }],
    });
    span.setAttribute('archive.reason', ADDRESS);
    span.recordException(new Error(`no mailbox for ${ADDRESS}`));
    span.setStatus({ code: SpanStatusCode.ERROR, message: `no mailbox for ${ADDRESS}` });
    span.end();
    parent.end();
    const [sent, ours] = spans.getFinishedSpans();
    assert.ok(sent !== undefined && ours !== undefined);
    assert.equal(sent.name, 'refused');
    assert.deepEqual(sent.attributes, { 'archive.reason': 'refused' });
    assert.deepEqual(sent.status, { code: SpanStatusCode.ERROR });
    assert.deepEqual(sent.events, []);
    assert.deepEqual(sent.links, [{ context: parent.spanContext() }]);
    assert.equal(sent.spanContext().spanId, span.spanContext().spanId);
    assert.equal(ours.name, 'item.import');
    assert.deepEqual(ours.attributes, { 'archive.item': 'b'.repeat(40) });
  });

  test('a log record of a library loses its text and attributes', () => {
    logProvider.getLogger('console').emit({ body: `no mailbox for ${ADDRESS}`, attributes: { address: ADDRESS }, eventName: ADDRESS });
    const [record] = records.getFinishedLogRecords();
    assert.deepEqual([record?.body, record?.attributes, record?.eventName], ['refused', {}, 'refused']);
  });

  test('a measurement of a library loses its attributes', async () => {
    metrics.getMeter('http').createHistogram('http.client.duration').record(5, { 'url.full': URL_WITH_ADDRESS, queue: ADDRESS });
    await (metrics.getMeterProvider() as metricsSdk.MeterProvider).forceFlush();
    const points = measurements
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap((scope) => scope.metrics)
      .flatMap(({ dataPoints }) => dataPoints.map(({ attributes }) => attributes));
    assert.deepEqual(points, [{ queue: 'refused' }]);
  });
});
