/** What the pipeline tells of itself: one trace to each import, and every outcome counted. @module */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { metrics, NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { measureParked } from '../../shared/telemetry/measure-parked.ts';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { makeWorld, sms, startStorage, type World, type WorldOptions } from '../support/world.ts';

const spans = new tracing.InMemorySpanExporter();
const measurements = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.DELTA);
const sdk = new NodeSDK({
  autoDetectResources: false,
  instrumentations: [],
  spanProcessors: [new tracing.SimpleSpanProcessor(spans)],
  metricReaders: [new metrics.PeriodicExportingMetricReader({ exporter: measurements, exportIntervalMillis: 2 ** 31 - 1 })],
  logRecordProcessors: [],
});

/** What was measured since the last call: sums of counters, newest values of gauges, numbers of values of histograms, by name and attributes. */
async function measured(world: World): Promise<Record<string, number>> {
  await world.pipeline.telemetry.flush();
  const exported = measurements.getMetrics();
  measurements.reset();
  const totals: Record<string, number> = {};
  for (const { scopeMetrics } of exported) {
    for (const metric of scopeMetrics.flatMap((scope) => scope.metrics)) {
      for (const { value, attributes } of metric.dataPoints) {
        const name = [metric.descriptor.name, ...Object.entries(attributes).map(([key, text]) => `${key}=${String(text)}`)].join(' ');
        const number = typeof value === 'number' ? value : value.count;
        totals[name] = metric.dataPointType === metrics.DataPointType.GAUGE ? number : (totals[name] ?? 0) + number;
      }
    }
  }
  return totals;
}

describe('telemetry of the pipeline', () => {
  let storage: Azurite;
  before(async () => {
    sdk.start();
    storage = await startStorage();
  });
  after(async () => {
    await storage.stop();
    await sdk.shutdown();
  });
  beforeEach(() => {
    spans.reset();
  });

  async function withWorld(options: Partial<WorldOptions>, work: (world: World) => Promise<void>): Promise<void> {
    const world = await makeWorld({ storage, ...options });
    try {
      await work(world);
    } finally {
      await world.close();
      await measured(world);
    }
  }

  test('each import belongs to the trace of the run that listed its item, through both queues', () =>
    withWorld({}, async (world) => {
      for (const id of ['a-1', 'a-2', 'a-3']) world.add(id, sms({ id }));
      await world.list();
      await world.work();
      const [list, ...others] = spans.getFinishedSpans();
      assert.equal(list?.name, 'run.list');
      const names = others.map(({ name }) => name).sort();
      assert.deepEqual(names, ['item.download', 'item.download', 'item.download', 'item.import', 'item.import', 'item.import']);
      const downloads = new Map(others.filter(({ name }) => name === 'item.download').map((span) => [span.spanContext().spanId, span]));
      for (const span of others) {
        assert.equal(span.spanContext().traceId, list.spanContext().traceId);
        if (span.name === 'item.download') assert.equal(span.parentSpanContext?.spanId, list.spanContext().spanId);
        else assert.equal(downloads.get(span.parentSpanContext?.spanId ?? '')?.attributes['archive.item'], span.attributes['archive.item']);
      }
    }));

  test('an item that waits for Graph keeps its trace when it comes back', () =>
    withWorld(
      { graph: { faults: [{ match: { kind: 'create-message' }, effect: { type: 'status', status: 429, retryAfterSeconds: 60 } }] } },
      async (world) => {
        world.add('a-1', sms({ id: 'a-1' }));
        await world.list();
        await world.work();
        const imports = spans.getFinishedSpans().filter(({ name }) => name === 'item.import');
        assert.deepEqual(
          [imports[0], imports.at(-1)].map((span) => span?.attributes['archive.result']),
          ['later', 'done'],
        );
        assert.equal(new Set(spans.getFinishedSpans().map((span) => span.spanContext().traceId)).size, 1);
        const counts = await measured(world);
        assert.equal(counts['archive.graph.throttled'], 1);
        assert.equal(counts['archive.deliveries.imported'], 2);
      },
    ));

  test('every outcome is counted once', () =>
    withWorld({ settings: { MAX_ITEM_BYTES: '2000' } }, async (world) => {
      world.add('a-1', sms({ id: 'a-1' }));
      world.add('a-2', sms({ id: 'a-1' }));
      world.add('a-3', sms({ id: 'a-3', text: 'x'.repeat(3000) }));
      world.add('a-4', sms({ id: 'a-4', from: 'Nobody <nobody@fabrikam.example>', to: 'None <none@fabrikam.example>' }));
      await world.day();
      const { 'archive.source.latency_ms': answers, ...all } = await measured(world);
      const isAge = (name: string) => name.startsWith('archive.parked.oldest_age_seconds');
      const counts = Object.fromEntries(Object.entries(all).filter(([name]) => !isAge(name)));
      // The clock moves by some seconds where the first of the two equal items waits for the second one's delivery.
      for (const [name, age = -1] of Object.entries(all)) assert.ok(!isAge(name) || (age >= 0 && age < 60), name);
      assert.equal(Object.keys(all).filter(isAge).length, 3);
      assert.ok(answers !== undefined && answers >= 5, 'one listing and four items at least');
      assert.deepEqual(counts, {
        'archive.items.listed': 4,
        'archive.deliveries.imported': 2,
        'archive.items.skipped': 1,
        'archive.items.failed reason=oversize': 1,
        'archive.items.failed reason=unmapped': 1,
        'archive.run.completed archiver=enterprise-number': 1,
        'archive.run.duration_seconds': 1,
        'archive.parked.depth queue=unmapped-items-poison': 1,
        'archive.parked.depth queue=oversize-items-poison': 1,
        'archive.parked.depth queue=failed-items-poison': 0,
      });
      world.advance(24 * 60 * 60_000);
      await world.day();
      const second = await measured(world);
      assert.equal(second['archive.run.empty'], 1);
      assert.equal(second['archive.run.completed archiver=enterprise-number'], 1);
    }));

  test('items seen again in the overlap are counted as relisted', () =>
    withWorld({}, async (world) => {
      world.add('a-1', sms({ id: 'a-1' }));
      await world.day();
      await measured(world);
      world.advance(60 * 60_000);
      await world.day();
      const counts = await measured(world);
      assert.equal(counts['archive.items.relisted'], 1);
      assert.equal(counts['archive.items.listed'], undefined);
    }));

  test('the age of the oldest parked item is the time since it was parked, and nothing parked is age 0', () =>
    withWorld({}, async (world) => {
      const unmapped = (id: string) => sms({ id, from: 'Nobody <nobody@fabrikam.example>', to: 'None <none@fabrikam.example>' });
      world.add('a-4', unmapped('a-4'));
      await world.day();
      world.advance(2 * 24 * 60 * 60_000);
      world.add('a-5', unmapped('a-5'));
      await world.day();
      world.advance(24 * 60 * 60_000);
      await measured(world);
      await measureParked(world.pipeline);
      assert.deepEqual(await measured(world), {
        'archive.parked.depth queue=unmapped-items-poison': 2,
        'archive.parked.depth queue=oversize-items-poison': 0,
        'archive.parked.depth queue=failed-items-poison': 0,
        'archive.parked.oldest_age_seconds queue=unmapped-items-poison': 259_200,
        'archive.parked.oldest_age_seconds queue=oversize-items-poison': 0,
        'archive.parked.oldest_age_seconds queue=failed-items-poison': 0,
      });
    }));
});
