/** Reports and reconciliation over HTTP, in the built app: who may, what is given, and what is refused. @module */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startHostProcess, type HostProcess } from '../../local/host/start-host-process.ts';
import { startSimulators, type Simulators } from '../../local/start-simulators.ts';
import { startAzurite, type Azurite } from '../../local/storage/start-azurite.ts';

const project = resolve(import.meta.dirname, '../..');
const RUN = 'enterprise-number-000001';
const fail = (error: Error) => {
  throw error;
};

function principal(role: string): Record<string, string> {
  const claims = [
    { typ: 'oid', val: 'operator-1' },
    { typ: 'roles', val: role },
  ];
  return { 'x-ms-client-principal': Buffer.from(JSON.stringify({ claims })).toString('base64') };
}
const reader = principal('Archive.Reader');
const operator = principal('Archive.Operator');

describe('reports over HTTP', () => {
  let folder: string;
  let azurite: Azurite;
  let simulators: Simulators;
  let host: HostProcess;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'archiver-reports-'));
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
    host = await startHostProcess({
      entry: join(project, 'dist/functions/main.js'),
      hostJson: JSON.parse(await readFile(join(project, 'host.json'), 'utf8')) as object,
      environment: {
        AzureWebJobsStorage: azurite.connectionString,
        TELEMESSAGE_BASE_URL: simulators.teleMessageUrl,
        TELEMESSAGE_USERNAME: 'user',
        TELEMESSAGE_PASSWORD: 'pass',
        GRAPH_BASE_URL: simulators.graphUrl,
        GRAPH_AUTH: 'none',
      },
      onUnexpectedEnd: fail,
    });
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

  const call = (method: string, path: string, headers: Record<string, string>, body?: unknown) =>
    fetch(`${host.httpUrl}/${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  /** Kinds of what a reconciliation has found, with their numbers. */
  const foundBy = async (report: unknown) =>
    ((await (await call('GET', `reports/${String(report)}`, reader)).json()) as { problemsByKind: unknown }).problemsByKind;
  const names = async () => {
    const { reports } = (await (await call('GET', 'reports', reader)).json()) as { reports: { name: string; size: number }[] };
    return reports;
  };

  for (const [method, path, role] of [
    ['GET', 'reports', 'Archive.Reader'],
    ['GET', `reports/2026-11-23/${RUN}.json`, 'Archive.Reader'],
    ['GET', `reconcile/${RUN}`, 'Archive.Reader'],
    ['POST', 'reconcile', 'Archive.Operator'],
  ] as const) {
    test(`${method} /api/${path.slice(0, 10)} is for ${role} alone`, async () => {
      const body = method === 'POST' ? {} : undefined;
      assert.equal((await call(method, path, {}, body)).status, 401);
      assert.equal((await call(method, path, principal('Something.Else'), body)).status, 403);
      if (role === 'Archive.Operator') assert.equal((await call(method, path, reader, body)).status, 403);
      assert.ok([200, 400, 404].includes((await call(method, path, principal(role), body)).status));
    });
  }

  test('the sweep that closes a run has written its reports, and they can be read', async () => {
    const listed = await names();
    assert.deepEqual(
      listed.map(({ name }) => name.slice('2026-11-23/'.length)).sort(),
      [`${RUN}-duplicates.csv`, `${RUN}.csv`, `${RUN}.json`].sort(),
    );
    for (const { name, size } of listed) {
      const answer = await call('GET', `reports/${name}`, reader);
      assert.equal(answer.status, 200);
      assert.equal((await answer.arrayBuffer()).byteLength, size);
      assert.match(answer.headers.get('content-type') ?? '', name.endsWith('.csv') ? /^text\/csv/ : /^application\/json/);
      assert.match(answer.headers.get('content-disposition') ?? '', /^attachment; filename="enterprise-number-/);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    }
  });

  test('a part of a report is given by its range', async () => {
    const name = (await names()).find((report) => report.name.endsWith('.json'))?.name;
    const whole = await (await call('GET', `reports/${name}`, reader)).text();
    const part = await call('GET', `reports/${name}`, { ...reader, Range: 'bytes=2-5' });
    assert.deepEqual([part.status, await part.text()], [206, whole.slice(2, 6)]);
    assert.equal(part.headers.get('content-range'), `bytes 2-5/${Buffer.byteLength(whole)}`);
    assert.equal((await call('GET', `reports/${name}`, { ...reader, Range: 'bytes=9000000-' })).status, 416);
  });

  test('nothing else of the container can be read', async () => {
    for (const path of ['locks/enterprise-number', 'locks%2Fenterprise-number', `reconciliations/${RUN}.json`, '2026-11-23/x.json']) {
      assert.equal((await call('GET', `reports/${path}`, operator)).status, 404, path);
    }
    assert.equal((await call('GET', 'reports?before=yesterday', reader)).status, 400);
    assert.equal((await call('GET', 'reports?prefix=locks', reader)).status, 400);
  });

  test('a reconciliation is begun, done by the sweep, and reported', async () => {
    const begun = await call('POST', 'reconcile', operator, { runId: RUN });
    assert.equal(begun.status, 202);
    assert.equal(begun.headers.get('location'), `/api/reconcile/${RUN}`);
    const { report } = (await begun.json()) as { report: string };
    await host.trigger('sweepRuns');
    const status = (await (await call('GET', `reconcile/${RUN}`, reader)).json()) as Record<string, unknown>;
    assert.deepEqual([status['state'], status['report']], ['finished', report]);
    assert.deepEqual([status['problems'], await foundBy(report)], [0, {}]);
  });

  test('every run that ends on a day is re-checked with one request', async () => {
    const day = (await names())[0]?.name.slice(0, 10);
    const begun = await call('POST', 'reconcile', operator, { day });
    assert.equal(begun.status, 202);
    const { reconciliations, notListed } = (await begun.json()) as {
      reconciliations: { runId: string; state: string }[];
      notListed: string[];
    };
    assert.deepEqual(
      reconciliations.map(({ runId, state }) => [runId, state]),
      [[RUN, 'running']],
    );
    assert.deepEqual(notListed, []);
    await host.trigger('sweepRuns');
    const status = (await (await call('GET', `reconcile/${RUN}`, reader)).json()) as Record<string, unknown>;
    assert.equal(status['state'], 'finished');
    assert.deepEqual([status['problems'], await foundBy(status['report'])], [0, {}]);
  });

  for (const [body, status, error] of [
    [{ runId: 'enterprise-number-000099' }, 404, /^There is no such run\.$/],
    [{ day: '2001-01-01' }, 404, /^There is no run that ends on that day\.$/],
    [{ runId: '../x' }, 400, /^runId: expected the id of a run$/],
    [{ day: 'yesterday' }, 400, /^day: expected a day, yyyy-mm-dd$/],
    [{ day: '2026-02-30' }, 400, /^day: expected a day, yyyy-mm-dd$/],
    [{ day: '2026-11-23', until: '2026-11-24' }, 400, /until/],
    [{ runId: RUN, day: '2026-11-23' }, 400, /^expected \{"runId": .* or \{"day": "yyyy-mm-dd"\}$/],
    [{}, 400, /^expected \{"runId": .* or \{"day": "yyyy-mm-dd"\}$/],
    [undefined, 400, /^expected \{"runId": .* or \{"day": "yyyy-mm-dd"\}$/],
  ] as const) {
    test(`a reconciliation asked for with ${JSON.stringify(body) ?? 'no body'} is refused with ${status} and a reason`, async () => {
      const answer = await call('POST', 'reconcile', operator, body);
      assert.equal(answer.status, status);
      assert.match(((await answer.json()) as { error: string }).error, error);
    });
  }

  test('a run that was never re-checked has no reconciliation to show', async () => {
    const answer = await call('GET', 'reconcile/enterprise-number-000099', reader);
    assert.equal(answer.status, 404);
    assert.deepEqual(await answer.json(), { error: 'There is no reconciliation of that run.' });
  });
});
