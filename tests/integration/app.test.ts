/** The built app in the local host: what it registers, what its HTTP functions let whom do, and how it starts with bad settings. @module */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { QueueServiceClient } from '@azure/storage-queue';
import { startHostProcess, type HostProcess } from '../../local/host/start-host-process.ts';
import { startSimulators, type Simulators } from '../../local/start-simulators.ts';
import { startAzurite, type Azurite } from '../../local/storage/start-azurite.ts';

const project = resolve(import.meta.dirname, '../..');
const fail = (error: Error) => {
  throw error;
};

function principal(...roles: string[]): Record<string, string> {
  const claims = [
    { typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier', val: 'operator-1' },
    ...roles.map((val) => ({ typ: 'roles', val })),
  ];
  return { 'x-ms-client-principal': Buffer.from(JSON.stringify({ claims })).toString('base64') };
}

describe('the built app', () => {
  let folder: string;
  let azurite: Azurite;
  let simulators: Simulators;
  let host: HostProcess;
  let environment: Record<string, string>;
  const start = async (settings: Record<string, string>) =>
    startHostProcess({
      entry: join(project, 'dist/functions/main.js'),
      hostJson: JSON.parse(await readFile(join(project, 'host.json'), 'utf8')) as object,
      environment: settings,
      onUnexpectedEnd: fail,
    });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'archiver-app-'));
    azurite = await startAzurite();
    simulators = await startSimulators(
      {
        items: join(project, 'local/sample-day'),
        arrivals: join(folder, 'arrivals.json'),
        archiver: 'enterprise-number',
        username: 'user',
        password: 'pass',
        withLargeItem: false,
        directory: join(project, 'local/sample-day/directory.json'),
        mailboxes: join(folder, 'mailboxes'),
      },
      fail,
    );
    environment = {
      AzureWebJobsStorage: azurite.connectionString,
      TELEMESSAGE_BASE_URL: simulators.teleMessageUrl,
      TELEMESSAGE_USERNAME: 'user',
      TELEMESSAGE_PASSWORD: 'pass',
      GRAPH_BASE_URL: simulators.graphUrl,
      GRAPH_AUTH: 'none',
    };
    host = await start(environment);
    await host.trigger('listDailyItems');
    await host.drain();
    await host.trigger('sweepRuns');
  });
  after(async () => {
    await host.stop();
    await simulators.stop();
    await azurite.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const call = async (method: string, path: string, headers: Record<string, string>, body?: unknown) => {
    const response = await fetch(`${host.httpUrl}/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      body: (await response.json()) as Record<string, unknown> & { items?: { itemKey: string; reason: string }[]; error?: string },
    };
  };

  test('registers its timers, queues and routes under the names of the contract', () => {
    const registered = host.functions.map((one) => [
      one.name,
      one.type === 'queue' ? one.queueName : one.type === 'http' ? `${one.methods.join()} ${one.route}` : one.schedule,
    ]);
    for (const [name, trigger] of [
      ['listDailyItems', '0 30 1 * * *'],
      ['sweepRuns', '0 */10 * * * *'],
      ['downloadItem', 'download-items'],
      ['importItem', 'import-items'],
      ['drainPoisonDownload', 'download-items-poison'],
      ['drainPoisonImport', 'import-items-poison'],
      ['listParked', 'GET parked'],
      ['showParked', 'GET parked/{itemKey}'],
      ['reprocessParked', 'POST parked/reprocess'],
      ['discardParked', 'POST parked/discard'],
    ]) {
      assert.deepEqual(
        registered.find(([registeredName]) => registeredName === name),
        [name, trigger],
      );
    }
  });

  test('each of its requests is described', async () => {
    const text = await readFile(join(project, 'docs/api.md'), 'utf8');
    const described = new Set(
      [...text.matchAll(/--method (\w+) --url "?FUNCTION_APP_URL\/api\/([\w/]+)/g)].map(
        ([, method = '', route = '']) => `${method.toUpperCase()} ${route.replaceAll(/[A-Z_]+/g, '*')}`,
      ),
    );
    const offered = host.functions.flatMap((one) =>
      one.type === 'http' ? [`${one.methods.join()} ${one.route.replaceAll(/\{\w+\}/g, '*')}`] : [],
    );
    assert.deepEqual([...described].sort(), offered.sort());
  });

  for (const [method, path, role] of [
    ['GET', 'parked', 'Archive.Reader'],
    ['GET', `parked/${'0'.repeat(40)}`, 'Archive.Reader'],
    ['POST', 'parked/reprocess', 'Archive.Operator'],
    ['POST', 'parked/discard', 'Archive.Operator'],
    ['GET', 'audit/verify', 'Archive.Reader'],
  ] as const) {
    test(`${method} /api/${path.slice(0, 16)} is for ${role} alone`, async () => {
      const body = method === 'POST' ? {} : undefined;
      assert.equal((await call(method, path, {}, body)).status, 401);
      assert.equal((await call(method, path, { 'x-ms-client-principal': 'not a principal' }, body)).status, 401);
      assert.equal((await call(method, path, principal('Something.Else'), body)).status, 403);
      if (role === 'Archive.Operator') assert.equal((await call(method, path, principal('Archive.Reader'), body)).status, 403);
      assert.equal([200, 400, 404].includes((await call(method, path, principal(role), body)).status), true);
    });
  }

  test('an operator lists, shows, reprocesses and discards; bad input is refused by field', async () => {
    const operator = principal('Archive.Operator');
    const parked = await call('GET', 'parked?reason=unmapped', operator);
    assert.equal(parked.status, 200);
    assert.equal(parked.body.items?.length, 3, 'items 09 and 15, and 07 for want of a mapping file');
    const [first, second] = parked.body.items ?? [];
    assert.equal((await call('GET', `parked/${first?.itemKey}`, operator)).body['reason'], 'unmapped');
    assert.equal((await call('GET', 'parked?reason=nonsense', operator)).status, 400);
    assert.match((await call('POST', 'parked/discard', operator, { itemKey: first?.itemKey })).body.error ?? '', /reason/);
    assert.deepEqual((await call('POST', 'parked/reprocess', operator, { itemKey: first?.itemKey })).body, { reprocessed: 1 });
    await host.drain();
    assert.deepEqual((await call('POST', 'parked/discard', operator, { itemKey: second?.itemKey, reason: 'a test' })).body, {
      discarded: 1,
    });
    assert.equal((await call('POST', 'parked/discard', operator, { itemKey: second?.itemKey, reason: 'a test' })).status, 404);
    assert.equal((await call('GET', 'parked', operator)).body.items?.length, 2);
    assert.equal((await call('GET', 'audit/verify', operator)).body['broken'], undefined);
  });

  for (const [problem, body, expected] of [
    ['no body', undefined, /"itemKey": KEY.*"reason": REASON.*"all": true/],
    ['nothing chosen', {}, /"itemKey": KEY.*"reason": REASON.*"all": true/],
    ['two choices', { all: true, reason: 'oversize' }, /^expected one of .*"all": true/],
    ['an unknown reason', { reason: 'nope' }, /^reason: .*"unmapped"\|"oversize"\|.*"verification-failed"/],
    ['a key that is none', { itemKey: '12' }, /^itemKey: expected the key of an item, 40 hex digits$/],
    ['a page of one item', { itemKey: '0'.repeat(40), after: '0'.repeat(40) }, /^after: .*"reason" or "all"/],
    ['an unknown field', { all: true, reasons: 'oversize' }, /"reasons"/],
    ['all that is not true', { all: 'yes' }, /^all: .*true/],
  ] as const) {
    test(`a reprocess with ${problem} is refused with what is expected`, async () => {
      const { status, body: answer } = await call('POST', 'parked/reprocess', principal('Archive.Operator'), body);
      assert.equal(status, 400);
      assert.match(answer.error ?? '', expected);
    });
  }

  for (const [problem, body, expected] of [
    ['no body', undefined, /"itemKey": KEY, "reason": .*"digest"/],
    ['neither an item nor a message', { reason: 'a test' }, /"itemKey": KEY, "reason": .*"digest"/],
    ['no reason', { itemKey: '0'.repeat(40) }, /^reason: /],
    ['a digest that is none', { digest: 'x', reason: 'a test' }, /^digest: expected the digest of a message, 64 hex digits$/],
  ] as const) {
    test(`a discard with ${problem} is refused with what is expected`, async () => {
      const { status, body: answer } = await call('POST', 'parked/discard', principal('Archive.Operator'), body);
      assert.equal(status, 400);
      assert.match(answer.error ?? '', expected);
    });
  }

  test('a message that is not there cannot be discarded', async () => {
    const body = { digest: '0'.repeat(64), reason: 'a test' };
    assert.equal((await call('POST', 'parked/discard', principal('Archive.Operator'), body)).status, 404);
  });

  for (const [queue, letter, more] of [
    ['download-items-poison', 'a', {}],
    ['import-items-poison', 'b', { size: 10, sha256: '0'.repeat(64) }],
  ] as const) {
    test(`what the host gives up into ${queue} is parked at once, with its reason`, async () => {
      const itemKey = letter.repeat(40);
      const item = { runId: 'enterprise-number-000001', itemKey, sourceId: queue, sequence: 1_000, arrivedAt: '2026-11-23T09:00:00.000Z' };
      const client = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(queue);
      await client.createIfNotExists();
      await client.sendMessage(Buffer.from(JSON.stringify({ ...item, ...more })).toString('base64'));
      await host.drain();
      const operator = principal('Archive.Operator');
      const { body } = await call('GET', `parked/${itemKey}`, operator);
      assert.deepEqual([body['sourceId'], body['outcome'], body['reason']], [queue, 'failed', 'tries-used-up']);
      assert.equal((await client.getProperties()).approximateMessagesCount, 0);
    });
  }

  test('the audit log is verified for the days asked for; a bad day is refused by field', async () => {
    const reader = principal('Archive.Reader');
    const all = await call('GET', 'audit/verify', reader);
    assert.deepEqual([all.status, all.body['first'], all.body['broken']], [200, 1, undefined]);
    const { body: days } = await call('GET', `audit/verify?from=${String(all.body['from'])}&to=2999-12-31`, reader);
    assert.deepEqual([days['first'], days['to']], [1, all.body['to']]);
    assert.equal((await call('GET', 'audit/verify?from=2999-01-01', reader)).body['lines'], 0);
    for (const [query, field] of [
      ['from=yesterday', 'from'],
      ['to=2026-02-30', 'to'],
      ['from=2026-01-02&to=2026-01-01', 'to'],
    ] as const) {
      const { status, body } = await call('GET', `audit/verify?${query}`, reader);
      assert.equal(status, 400);
      assert.match(body.error ?? '', new RegExp(`^${field}: `));
    }
  });

  test('with bad settings it takes nothing from any queue, and its timer says which settings are bad', async () => {
    const bad = await start({ ...environment, MAX_ITEM_BYTES: '-1', GRAPH_AUTH: 'password' });
    try {
      assert.deepEqual(
        bad.functions.map(({ name }) => name),
        ['listDailyItems'],
      );
      await assert.rejects(
        bad.trigger('listDailyItems'),
        /^(?=.*MAX_ITEM_BYTES: expected a whole number)(?=.*GRAPH_AUTH: expected identity or none)/s,
      );
    } finally {
      await bad.stop();
    }
  });
});
