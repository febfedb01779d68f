/** Canary strings are sent through the whole pipeline, and nothing that leaves the process has any of them. @module */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { logs, metrics, NodeSDK, tracing } from '@opentelemetry/sdk-node';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { sendMessage } from '../../shared/pipeline/messages.ts';
import { makeWorld, mms, sms, startStorage } from '../support/world.ts';

const spans = new tracing.InMemorySpanExporter();
const measurements = new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.DELTA);
const records = new logs.InMemoryLogRecordExporter();
// Without the gate of scrub-telemetry.ts: the pipeline itself may not say anything that the gate would have to stop.
const sdk = new NodeSDK({
  autoDetectResources: false,
  instrumentations: [],
  spanProcessors: [new tracing.SimpleSpanProcessor(spans)],
  metricReaders: [new metrics.PeriodicExportingMetricReader({ exporter: measurements, exportIntervalMillis: 2 ** 31 - 1 })],
  logRecordProcessors: [new logs.SimpleLogRecordProcessor({ exporter: records })],
});

/** Numbers, words and addresses of the items, the mapping and the settings below. A part of each is enough to be found. */
const CANARIES = ['canary-', '16175559876', '(617) 555-9876', '5559876', '4915123456789', '@contoso', '@fabrikam'];
const FROM = 'canary-sender 16175559876 <ada@contoso.example>';

function canary(id: string, to: string, text = 'canary-body'): string {
  return sms({ id, from: FROM, to, text, property: 'ada@contoso.example, canary-recipient@fabrikam.example' }).replace(
    /Subject: .*/,
    'Subject: canary-subject from (617) 555-9876 to 4915123456789',
  );
}

describe('telemetry and log of the pipeline', () => {
  let storage: Azurite;
  before(async () => {
    sdk.start();
    storage = await startStorage();
  });
  after(async () => {
    await storage.stop();
    await sdk.shutdown();
  });

  test('hold nothing of an item and no secret, whatever goes wrong', async (t) => {
    const tokens: string[] = [];
    const { fetch } = globalThis;
    t.mock.method(globalThis, 'fetch', (...call: Parameters<typeof fetch>) => {
      const bearer = new Headers(call[1]?.headers).get('authorization');
      if (bearer !== null) tokens.push(bearer.replace('Bearer ', ''));
      return fetch(...call);
    });
    const world = await makeWorld({
      storage,
      settings: { MAX_ITEM_BYTES: '60000' },
      mapping: 'number,mailbox\n4915123456789,chen@contoso.example\n16175550000,canary-mapping@fabrikam.example\n',
      graph: {
        faults: [
          {
            match: { kind: 'create-message', mailbox: 'ben@contoso.example' },
            effect: { type: 'status', status: 403, code: 'ErrorAccessDenied' },
          },
          {
            match: { kind: 'create-message', mailbox: 'eve@contoso.example' },
            effect: { type: 'status', status: 429, code: 'ApplicationThrottled', retryAfterSeconds: 30 },
          },
          { match: { kind: 'create-message', mailbox: 'eve@contoso.example' }, effect: { type: 'reset-after-effect' } },
        ],
      },
    });
    t.after(() => world.close());
    world.add('16175559876', canary('c-1', 'canary-recipient <ben@contoso.example>'));
    world.add('c-2', canary('c-2', 'Eve 5559876 <eve@contoso.example>'));
    world.add('c-3', canary('c-2', 'Eve 5559876 <eve@contoso.example>'));
    world.add('c-4', canary('c-4', 'No one <noone@contoso.example>', 'canary-body'.repeat(8_000)));
    world.add('c-5', sms({ id: 'c-5', from: 'canary-sender <canary-sender@fabrikam.example>', to: 'X <noone@contoso.example>' }));
    world.add(
      'c-6',
      mms('c-6', [Buffer.from('canary-file')], { from: FROM, to: 'canary-recipient +4915123456789 <chen@contoso.example>' }),
    );
    world.add('c-7', 'canary-body without any header 16175559876');
    await world.day();
    await sendMessage(world.pipeline.storage.queues.import, { itemKey: 'ada@contoso.example 16175559876' });
    await world.work();
    world.restart({ TELEMESSAGE_PASSWORD: 'canary-password' });
    world.advance(24 * 60 * 60_000);
    await assert.rejects(world.list());
    await world.pipeline.telemetry.flush();

    const exported = measurements.getMetrics();
    const sent = JSON.stringify({
      spans: spans.getFinishedSpans().map(({ name, attributes, events, links, status, resource }) => {
        return { name, attributes, events, links, status, resource: resource.attributes };
      }),
      metrics: exported.map(({ scopeMetrics, resource }) => ({ scopeMetrics, resource: resource.attributes })),
      records: records.getFinishedLogRecords().map(({ body, attributes }) => ({ body, attributes })),
      log: world.log,
    });
    const secrets = [...CANARIES, ...tokens];
    assert.deepEqual(
      secrets.filter((secret) => sent.includes(secret)),
      [],
    );

    // The canaries have been through, and everything that was to go wrong has.
    assert.ok(tokens.length > 0);
    const mailbox = JSON.stringify(await world.mailbox('ada@contoso.example'));
    for (const word of ['canary-sender', 'canary-subject', 'canary-body', '16175559876', '(617) 555-9876'])
      assert.ok(mailbox.includes(word), word);
    assert.equal((await world.mailbox('chen@contoso.example')).length, 1);
    const points = exported.flatMap(({ scopeMetrics }) => scopeMetrics).flatMap((scope) => scope.metrics);
    const happened = new Set(
      points.flatMap(({ descriptor, dataPoints }) => dataPoints.flatMap(({ attributes }) => [descriptor.name, attributes['reason']])),
    );
    const expected = [
      'access-denied',
      'oversize',
      'unmapped',
      'archive.graph.throttled',
      'archive.items.skipped',
      'archive.source.sign_in_refused',
    ];
    assert.deepEqual(
      expected.filter((name) => !happened.has(name)),
      [],
    );
    for (const event of ['item.parked', 'step.delayed', 'message.parked'])
      assert.ok(
        world.log.some((line) => line.includes(event)),
        event,
      );
    assert.ok(spans.getFinishedSpans().some(({ attributes }) => attributes['archive.result'] === 'later'));
  });
});
