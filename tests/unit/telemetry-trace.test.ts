/** Traces: one from the listing to each import, the errors in them, and which items are traced in a flood. @module */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { NodeSDK, tracing } from '@opentelemetry/sdk-node';
import { PermanentError, RetryAfterError, TransientError } from '../../shared/errors.ts';
import { createTelemetry, type Telemetry } from '../../shared/telemetry/telemetry.ts';

const RUN = 'enterprise-number-000001';
const ITEM = 'a'.repeat(40);
const HOST = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };

const spans = new tracing.InMemorySpanExporter();
const sdk = new NodeSDK({
  autoDetectResources: false,
  // That of Application Insights does not look at the parent either.
  sampler: new tracing.AlwaysOnSampler(),
  instrumentations: [],
  logRecordProcessors: [],
  metricReaders: [],
  spanProcessors: [new tracing.SimpleSpanProcessor(spans)],
});

describe('telemetry', () => {
  let telemetry: Telemetry;
  let time = 0;

  before(() => sdk.start());
  after(() => sdk.shutdown());
  beforeEach(() => {
    time = 0;
    telemetry = createTelemetry(() => time);
    spans.reset();
  });

  describe('trace', () => {
    test('listing, download and import are one trace across two queues', async () => {
      const message = await telemetry.span('run.list', { attributes: { archiver: 'enterprise-number' } }, async () =>
        telemetry.traceparent(),
      );
      const attributes = { runId: RUN, itemKey: ITEM };
      const next = await telemetry.span('item.download', { traceparent: message, attributes }, async () => telemetry.traceparent());
      await telemetry.span('item.import', { traceparent: next, attributes }, async () => undefined);
      const [list, download, importing, ...others] = spans.getFinishedSpans();
      assert.ok(list !== undefined && download !== undefined && importing !== undefined && others.length === 0);
      assert.deepEqual([list.name, download.name, importing.name], ['run.list', 'item.download', 'item.import']);
      assert.equal(download.spanContext().traceId, list.spanContext().traceId);
      assert.equal(importing.spanContext().traceId, list.spanContext().traceId);
      assert.equal(download.parentSpanContext?.spanId, list.spanContext().spanId);
      assert.equal(importing.parentSpanContext?.spanId, download.spanContext().spanId);
      assert.deepEqual(list.attributes, { 'archive.archiver': 'enterprise-number', 'archive.result': 'done' });
      assert.deepEqual(importing.attributes, { 'archive.run': RUN, 'archive.item': ITEM, 'archive.result': 'done' });
    });

    test("a timer's span belongs to the trace of the host, a queue message's is linked to it", async () => {
      const message = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
      await context.with(trace.setSpanContext(ROOT_CONTEXT, HOST), async () => {
        await telemetry.span('run.list', {}, async () => undefined);
        await telemetry.span('item.import', { traceparent: message }, async () => undefined);
      });
      const [list, importing] = spans.getFinishedSpans();
      assert.equal(list?.spanContext().traceId, HOST.traceId);
      assert.equal(importing?.spanContext().traceId, 'a'.repeat(32));
      assert.deepEqual(
        importing?.links.map((link) => link.context.spanId),
        [HOST.spanId],
      );
    });

    test('a span says how the work ended and never with which words', async () => {
      const secret = 'the message of 16175550101 to ada@contoso.example';
      const endings = [
        { error: new PermanentError('mailbox-full', secret), result: 'park', reason: 'mailbox-full', code: 2 },
        { error: new RetryAfterError(1000, secret), result: 'later', reason: undefined, code: 0 },
        { error: new TransientError(secret), result: 'again', reason: undefined, code: 2 },
        { error: secret, result: 'again', reason: undefined, code: 2 },
      ];
      for (const { error, result, reason, code } of endings) {
        spans.reset();
        await assert.rejects(
          telemetry.span('item.import', {}, () => Promise.reject(error as Error)),
          (thrown) => thrown === error,
        );
        const [span] = spans.getFinishedSpans();
        assert.deepEqual(span?.attributes, { 'archive.result': result, ...(reason === undefined ? {} : { 'archive.reason': reason }) });
        assert.deepEqual(span.status, { code });
        assert.deepEqual(span.events, []);
      }
    });

    test('an attribute of a span that has not the form of a key is refused', async () => {
      for (const runId of ['16175550101', 'enterprise-number-16175550101', 'ada@contoso.example', `${RUN}\nx`, 'unknown-000001']) {
        spans.reset();
        await telemetry.span('item.import', { attributes: { runId, itemKey: '16175550101', archiver: runId } }, async () => undefined);
        assert.deepEqual(spans.getFinishedSpans()[0]?.attributes, {
          'archive.run': 'refused',
          'archive.item': 'refused',
          'archive.archiver': 'refused',
          'archive.result': 'done',
        });
      }
    });

    test('a trace context that is not one begins a trace of its own', async () => {
      const traceId = 'a'.repeat(32);
      const bad = [
        '',
        'nonsense',
        `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`,
        `00-${traceId}-${'0'.repeat(16)}-01`,
        `00-${traceId}-${'b'.repeat(16)}`,
        `ff-${traceId}-${'b'.repeat(16)}-01`,
        `00-${traceId.toUpperCase()}-${'b'.repeat(16)}-01`,
        `00-${traceId}-${'b'.repeat(16)}-01\n`,
        `00-${traceId}-${'b'.repeat(16)}-01-ada@contoso.example`,
      ];
      for (const traceparent of bad) await telemetry.span('item.import', { traceparent }, async () => undefined);
      const traceIds = spans.getFinishedSpans().map((span) => span.spanContext().traceId);
      assert.equal(new Set(traceIds).size, bad.length);
      assert.ok(!traceIds.includes(traceId));
    });
  });

  describe('a flood of items', () => {
    const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    /** @returns the trace context that the download passed on. */
    const download = () => telemetry.span('item.download', { traceparent: parent }, async () => telemetry.traceparent());

    test('the first 100 are traced and then one a second, and the others keep the trace id', async () => {
      const passedOn: (string | undefined)[] = [];
      for (let item = 0; item < 150; item += 1) passedOn.push(await download());
      assert.equal(spans.getFinishedSpans().length, 100);
      assert.equal(passedOn.filter((text) => text?.endsWith('-01')).length, 100);
      assert.deepEqual(new Set(passedOn.slice(100)), new Set([`00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`]));
      time += 3_000;
      for (let item = 0; item < 10; item += 1) await download();
      assert.equal(spans.getFinishedSpans().length, 103);
    });

    test('the import of an item follows its download: traced with it, or not at all', async () => {
      let last: string | undefined;
      for (let item = 0; item < 101; item += 1) {
        const passedOn = await download();
        if (item === 99) await telemetry.span('item.import', { traceparent: passedOn }, async () => undefined);
        last = passedOn;
      }
      time += 60_000;
      await telemetry.span('item.import', { traceparent: last }, async () => undefined);
      assert.equal(spans.getFinishedSpans().filter(({ name }) => name === 'item.import').length, 1);
    });

    test('runs are always traced', async () => {
      for (let item = 0; item < 150; item += 1) await download();
      for (let run = 0; run < 150; run += 1) await telemetry.span('run.list', {}, async () => undefined);
      assert.equal(spans.getFinishedSpans().filter(({ name }) => name === 'run.list').length, 150);
    });
  });
});
