/** Metrics: what is sent, what is refused, and what happens without an SDK. @module */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, mock, test } from 'node:test';
import { metrics } from '@opentelemetry/api';
import { metrics as metricsSdk, NodeSDK, tracing } from '@opentelemetry/sdk-node';
import * as fc from 'fast-check';
import { archivers } from '../../shared/archivers.ts';
import { PARK_REASONS, RetryAfterError, TransientError } from '../../shared/errors.ts';
import { queueNames } from '../../shared/storage/storage.ts';
import { observeSource } from '../../shared/telemetry/observe-source.ts';
import { createTelemetry, FLUSH_MS, type Telemetry } from '../../shared/telemetry/telemetry.ts';
import type { ItemSource } from '../../shared/telemessage/item-source.ts';

const spans = new tracing.InMemorySpanExporter();
const measurements = new metricsSdk.InMemoryMetricExporter(metricsSdk.AggregationTemporality.DELTA);
const sdk = new NodeSDK({
  autoDetectResources: false,
  instrumentations: [],
  logRecordProcessors: [],
  spanProcessors: [new tracing.SimpleSpanProcessor(spans)],
  metricReaders: [new metricsSdk.PeriodicExportingMetricReader({ exporter: measurements, exportIntervalMillis: 2 ** 31 - 1 })],
});

interface Point {
  readonly name: string;
  readonly value: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What was measured since the last call. */
async function measured(telemetry: Telemetry): Promise<Point[]> {
  measurements.reset();
  await telemetry.flush();
  return measurements
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap((scope) => scope.metrics)
    .flatMap(({ descriptor, dataPoints }) => dataPoints.map(({ value, attributes }) => ({ name: descriptor.name, value, attributes })));
}

describe('telemetry without an SDK', () => {
  const telemetry = createTelemetry();

  test('the work of a span is done, and its errors go on as they are', async () => {
    assert.equal(await telemetry.span('run.list', {}, async () => 7), 7);
    const error = new TransientError('the source did not answer');
    await assert.rejects(
      telemetry.span('item.import', {}, () => Promise.reject(error)),
      (thrown) => thrown === error,
    );
  });

  test('measuring and flushing do nothing, and messages carry no trace context', async () => {
    telemetry.count('archive.items.listed');
    telemetry.gauge('archive.parked.depth', 1, { queue: queueNames.failed });
    telemetry.record('archive.source.latency_ms', 5);
    await telemetry.flush();
    assert.equal(await telemetry.span('run.list', {}, async () => telemetry.traceparent()), undefined);
  });
});

describe('telemetry', () => {
  let telemetry: Telemetry;
  let time = 0;
  /** Used before the SDK starts, as in an app whose start hook runs after its modules were loaded. */
  const early = createTelemetry();

  before(() => {
    early.count('archive.run.empty');
    sdk.start();
  });
  after(() => sdk.shutdown());
  beforeEach(() => {
    time = 0;
    telemetry = createTelemetry(() => time);
    spans.reset();
  });

  test('an SDK that starts after the first use gets what comes from then on', async () => {
    early.count('archive.run.empty', 3);
    await early.span('run.list', {}, async () => undefined);
    assert.deepEqual(await measured(early), [{ name: 'archive.run.empty', value: 3, attributes: {} }]);
    assert.deepEqual(
      spans.getFinishedSpans().map(({ name }) => name),
      ['run.list'],
    );
  });

  describe('metrics', () => {
    test('counters add up, gauges keep the newest value, histograms keep the spread', async () => {
      telemetry.count('archive.items.failed', 2, { reason: 'oversize' });
      telemetry.count('archive.items.failed', 1, { reason: 'oversize' });
      telemetry.count('archive.items.failed', 1, { reason: 'unmapped' });
      telemetry.count('archive.run.completed', 1, { archiver: 'signal' });
      telemetry.gauge('archive.parked.depth', 7, { queue: 'unmapped-items-poison' });
      telemetry.gauge('archive.parked.depth', 0, { queue: 'unmapped-items-poison' });
      telemetry.record('archive.source.latency_ms', 20);
      telemetry.record('archive.source.latency_ms', 40);
      const points = await measured(telemetry);
      const simple = points.filter(({ value }) => typeof value === 'number');
      assert.deepEqual(simple, [
        { name: 'archive.items.failed', value: 3, attributes: { reason: 'oversize' } },
        { name: 'archive.items.failed', value: 1, attributes: { reason: 'unmapped' } },
        { name: 'archive.run.completed', value: 1, attributes: { archiver: 'signal' } },
        { name: 'archive.parked.depth', value: 0, attributes: { queue: 'unmapped-items-poison' } },
      ]);
      const latency = points.find(({ name }) => name === 'archive.source.latency_ms')?.value;
      assert.partialDeepStrictEqual(latency, { min: 20, max: 40, sum: 60, count: 2 });
    });

    test('nothing is sent for nothing: no zero of a counter, no value that is no number', async () => {
      telemetry.count('archive.items.listed', 0);
      telemetry.count('archive.items.listed', Number.NaN);
      telemetry.gauge('archive.parked.oldest_age_seconds', Number.POSITIVE_INFINITY, { queue: queueNames.failed });
      telemetry.record('archive.run.duration_seconds', Number.NaN);
      assert.deepEqual(await measured(telemetry), []);
    });

    test('the value of an attribute that is in no vocabulary is refused, and the measurement counts all the same', async () => {
      for (const value of ['16175550101', 'ada@contoso.example', 'constructor', '__proto__', '', 'Oversize']) {
        telemetry.count('archive.items.failed', 1, { reason: value as 'oversize' });
      }
      assert.deepEqual(await measured(telemetry), [{ name: 'archive.items.failed', value: 6, attributes: { reason: 'refused' } }]);
    });

    test('an attribute that a metric does not have is dropped', async () => {
      const smuggled = { mailbox: 'ada@contoso.example', queue: queueNames.failed, reason: 'oversize' } as const;
      telemetry.count('archive.items.failed', 1, smuggled);
      assert.deepEqual(await measured(telemetry), [{ name: 'archive.items.failed', value: 1, attributes: { reason: 'oversize' } }]);
    });

    test('whatever is passed in, only known words come out', async () => {
      const known = new Set([...Object.keys(PARK_REASONS), ...Object.values(queueNames), ...archivers.keys(), 'refused']);
      const value = fc.oneof(fc.string(), fc.constantFrom(...known), fc.stringMatching(/^\+?\d{7,15}$/), fc.emailAddress(), fc.anything());
      const attributes = fc.record({ reason: value, queue: value, archiver: value, other: value }, { requiredKeys: [] });
      await fc.assert(
        fc.asyncProperty(attributes, async (given) => {
          telemetry.gauge('archive.parked.depth', 1, given as object);
          telemetry.count('archive.items.failed', 1, given as object);
          telemetry.count('archive.run.completed', 1, given as object);
          const points = await measured(telemetry);
          assert.equal(points.length, 3);
          for (const point of points) {
            for (const [name, sent] of Object.entries(point.attributes)) {
              assert.ok(['reason', 'queue', 'archiver'].includes(name), name);
              assert.ok(known.has(sent as string), `${name}: ${String(sent)}`);
            }
          }
        }),
        { seed: 20261123, numRuns: 100 },
      );
    });
  });

  test('a flush that never ends holds nobody up, and one that fails throws nothing', async (t) => {
    const provider = metrics.getMeterProvider() as metricsSdk.MeterProvider;
    const never = mock.method(provider, 'forceFlush', () => new Promise<void>(() => {}));
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const flushing = telemetry.flush();
    t.mock.timers.tick(FLUSH_MS);
    await flushing;
    never.mock.mockImplementation(() => Promise.reject(new Error('the endpoint does not answer')));
    await telemetry.flush();
    assert.equal(never.mock.callCount(), 2);
    never.mock.restore();
  });

  describe('the source', () => {
    const page = { items: [] };
    const window = { from: new Date(0), to: new Date(1) };
    /** A source whose answers take 30 and 50 ms. */
    const source = (error?: Error, refused = false): ItemSource & { signInRefused(): boolean } => {
      const answer = async <Answer>(ms: number, content: Answer): Promise<Answer> => {
        time += ms;
        if (error !== undefined) throw error;
        return content;
      };
      return { listPage: () => answer(30, page), openItem: () => answer(50, (async function* () {})()), signInRefused: () => refused };
    };
    const observe = (observed: ItemSource) => observeSource(observed, telemetry, () => time);

    test('each answer is measured, failures too, and passed on', async () => {
      assert.equal(await observe(source()).listPage(window), page);
      await assert.rejects(observe(source(new TransientError('no answer'))).openItem('x'), /no answer/);
      const points = await measured(telemetry);
      assert.deepEqual(
        points.map(({ name }) => name),
        ['archive.source.latency_ms'],
      );
      assert.partialDeepStrictEqual(points[0]?.value, { min: 30, max: 50, count: 2 });
    });

    test('each call that a refused sign-in stops is counted, and has no latency', async () => {
      const observed = observe(source(new RetryAfterError(900_000, 'refused'), true));
      await assert.rejects(observed.listPage(window), /refused/);
      await assert.rejects(observed.openItem('x'), /refused/);
      assert.deepEqual(await measured(telemetry), [{ name: 'archive.source.sign_in_refused', value: 2, attributes: {} }]);
    });
  });
});
