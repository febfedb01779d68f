/** The bundled app, run by the local host, sends its telemetry to the address of the connection string. @module */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { startSimulatedGraph } from '../../local/graph/server.ts';
import { startHostProcess } from '../../local/host/start-host-process.ts';
import { startSimulatedTeleMessage } from '../../local/telemessage/simulated-telemessage.ts';
import type { Azurite } from '../../local/storage/start-azurite.ts';
import { people, sms, startStorage } from '../support/world.ts';

const project = resolve(import.meta.dirname, '../..');
const CLIENT_ID = '11111111-2222-3333-4444-555555555555';
const CANARIES = ['canary-', '16175559876', 'contoso.example', 'fabrikam.example', CLIENT_ID];

/** Stands for a library of the app's process that makes spans and measurements of its own, through the API's global object. */
const LIBRARY = `
setInterval(() => {
  const api = globalThis[Symbol.for('opentelemetry.js.api.1')];
  api?.trace?.getTracer('library').startSpan('GET canary-url', { attributes: { 'url.full': 'canary-url' } }).end();
  api?.metrics?.getMeter('library').createCounter('library.requests').add(1, { 'url.full': 'canary-url' });
}, 20).unref();
`;

/** What is sent to Application Insights, as far as it is looked at. */
interface Envelope {
  readonly name: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly data: {
    readonly baseType: string;
    readonly baseData: {
      readonly name?: string;
      readonly metrics?: readonly { readonly name: string; readonly value: number }[];
      readonly properties: Readonly<Record<string, string>>;
    };
  };
}

/** A DER value of fewer than 65,536 bytes. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

/** A key, and a certificate with no name for it: the exporter speaks TLS even where the connection string says http. */
function makeCertificate(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  const validity = der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z')));
  const noName = der(0x30);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const content = der(0x30, der(0x02, Buffer.from([1])), ecdsaWithSha256, noName, validity, noName, spki);
  const signature = der(0x03, Buffer.from([0]), sign('sha256', content, privateKey));
  const pem = der(0x30, content, ecdsaWithSha256, signature).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n`,
  };
}

interface Server {
  readonly port: number;
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string }[];
  close(): void;
}

/** Keeps what arrives and gives one answer to everything. */
async function serve(make: (listener: RequestListener) => ReturnType<typeof createHttpServer>, answer: object): Promise<Server> {
  const requests: Server['requests'] = [];
  const server = make((request, response) => {
    void buffer(request).then((content) => {
      const { headers, url: path = '' } = request;
      requests.push({ path, headers, body: (headers['content-encoding'] === 'gzip' ? gunzipSync(content) : content).toString() });
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, requests, close: () => server.close() };
}

describe('telemetry of the bundled app', () => {
  let folder: string;
  let main: string;
  let storage: Azurite;
  let ingestion: Server;
  let identity: Server;

  before(async () => {
    // A folder of its own: the bundle in dist may be in use.
    folder = await mkdtemp(join(tmpdir(), 'archiver-telemetry-'));
    for (const name of ['functions', 'shared', 'node_modules', 'package.json']) await symlink(join(project, name), join(folder, name));
    const build = spawn(process.execPath, [join(project, 'scripts/build.ts')], { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
    assert.deepEqual(await once(build, 'exit'), [0, null]);
    main = join(folder, 'dist/functions/main.js');
    await writeFile(join(folder, 'library.mjs'), LIBRARY);
    storage = await startStorage();
    ingestion = await serve((listener) => createHttpsServer(makeCertificate(), listener), {
      itemsReceived: 1,
      itemsAccepted: 1,
      errors: [],
    });
    const expires_on = Math.floor(Date.now() / 1000) + 24 * 60 * 60;
    identity = await serve((listener) => createHttpServer(listener), { access_token: 'canary-token', expires_on, token_type: 'Bearer' });
  });
  after(async () => {
    ingestion.close();
    identity.close();
    await storage.stop();
    await rm(folder, { recursive: true });
  });

  /** Lets the bundled app archive one day of two items and end. */
  async function archiveDay(account: number, authentication: string): Promise<readonly string[]> {
    const lines: string[] = [];
    const items = await mkdtemp(join(folder, 'items-'));
    const teleMessage = await startSimulatedTeleMessage({
      items,
      archiver: 'enterprise-number',
      username: 'user',
      password: 'canary-password',
    });
    const graph = await startSimulatedGraph({ directory: people, root: join(folder, `mailboxes-${account}`) });
    try {
      const from = 'canary-sender 16175559876 <ada@contoso.example>';
      const eml = sms({ id: 'a-1', from, text: 'canary-body' }).replace(/Subject: .*/, 'Subject: canary-subject');
      teleMessage.addItem('16175559876', () => Buffer.from(eml));
      teleMessage.addItem('a-2', () =>
        Buffer.from(sms({ id: 'a-2', from: 'X <canary-sender@fabrikam.example>', to: 'Y <y@fabrikam.example>' })),
      );
      const host = await startHostProcess({
        entry: main,
        hostJson: JSON.parse(await readFile(join(project, 'host.json'), 'utf8')),
        environment: {
          AzureWebJobsStorage: storage.connectionStringOf(account),
          TELEMESSAGE_BASE_URL: teleMessage.baseUrl.href,
          TELEMESSAGE_USERNAME: 'user',
          TELEMESSAGE_PASSWORD: 'canary-password',
          GRAPH_BASE_URL: graph.baseUrl,
          GRAPH_AUTH: 'none',
          // As in Azure; without them the SDK asks the metadata service of a virtual machine who it is.
          WEBSITE_SITE_NAME: 'archiver-app',
          FUNCTIONS_EXTENSION_VERSION: '~4',
          FUNCTIONS_WORKER_RUNTIME: 'node',
          NODE_TLS_REJECT_UNAUTHORIZED: '0',
          NODE_OPTIONS: `--import ${pathToFileURL(join(folder, 'library.mjs')).href}`,
          APPLICATIONINSIGHTS_CONFIGURATION_CONTENT: '{"samplingRatio":0,"instrumentationOptions":{"http":{"enabled":true}}}',
          IDENTITY_ENDPOINT: `http://127.0.0.1:${identity.port}/token`,
          IDENTITY_HEADER: 'canary-identity-header',
          APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://127.0.0.1:${ingestion.port}/`,
          APPLICATIONINSIGHTS_AUTHENTICATION_STRING: authentication,
        },
        onLine: (line) => lines.push(line),
        onUnexpectedEnd: (error) => lines.push(error.message),
      });
      await host.trigger('listDailyItems');
      await host.drain();
      await host.trigger('sweepRuns');
      assert.deepEqual(await host.stop(), { finished: true });
      return lines;
    } finally {
      await Promise.all([teleMessage.close(), graph.close()]);
    }
  }

  test('spans and metrics of a day arrive at the ingestion endpoint, signed in with the identity, and nothing else does', async () => {
    await archiveDay(201, `ClientId=${CLIENT_ID};Authorization=AAD`);
    assert.ok(identity.requests.length > 0);
    for (const { path, headers } of identity.requests) {
      const query = new URL(path, 'http://identity.example').searchParams;
      assert.deepEqual([query.get('client_id'), query.get('resource')], [CLIENT_ID, 'https://monitor.azure.com']);
      assert.equal(headers['x-identity-header'], 'canary-identity-header');
    }
    for (const { headers } of ingestion.requests) assert.equal(headers.authorization, 'Bearer canary-token');

    const envelopes = ingestion.requests.flatMap(({ body }) => JSON.parse(body) as Envelope[]);
    const spans = envelopes.filter(({ data }) => data.baseType === 'RemoteDependencyData');
    const points = envelopes.filter(({ data }) => data.baseType === 'MetricData');
    assert.equal(spans.length + points.length, envelopes.length);
    const allNames = new Set(spans.map(({ data }) => data.baseData.name));
    assert.deepEqual(allNames, new Set(['run.list', 'item.download', 'item.import', 'refused']));

    const list = spans.find(({ tags, data }) => data.baseData.name === 'run.list' && tags['ai.operation.parentId'] === undefined);
    const ofDay = spans.filter(({ tags }) => tags['ai.operation.id'] === list?.tags['ai.operation.id']);
    const names = ofDay.map(({ data }) => data.baseData.name ?? '').sort();
    assert.deepEqual(names, ['item.download', 'item.download', 'item.import', 'item.import', 'run.list']);

    const sums = new Map<string, number>();
    for (const { data } of points) {
      for (const { name, value } of data.baseData.metrics ?? []) {
        const key = [name, ...Object.entries(data.baseData.properties).map(([attribute, text]) => `${attribute}=${text}`)].join(' ');
        sums.set(key, (sums.get(key) ?? 0) + value);
      }
    }
    const {
      'archive.source.latency_ms': latency,
      'archive.run.duration_seconds': duration,
      'library.requests': others,
      ...exact
    } = Object.fromEntries(sums);
    for (const value of [latency, duration, others]) assert.ok(value !== undefined && value > 0);
    const ages = Object.entries(exact).filter(([name]) => name.startsWith('archive.parked.oldest_age_seconds queue='));
    assert.equal(ages.length, 3);
    assert.deepEqual(exact, {
      ...Object.fromEntries(ages),
      'archive.items.listed': 2,
      'archive.deliveries.imported': 2,
      'archive.items.failed reason=unmapped': 1,
      'archive.run.completed archiver=enterprise-number': 1,
      'archive.parked.depth queue=unmapped-items-poison': 1,
      'archive.parked.depth queue=oversize-items-poison': 0,
      'archive.parked.depth queue=failed-items-poison': 0,
    });
    for (const { path, body } of ingestion.requests) {
      for (const canary of CANARIES) assert.ok(!`${path} ${body}`.includes(canary), `${canary} was sent`);
    }
  });

  test('a setting of the telemetry that cannot be used is named in the log, without its value, and the day is archived all the same', async () => {
    const before = ingestion.requests.length;
    const lines = await archiveDay(202, `ClientId=${CLIENT_ID};Authorization=canary-scheme`);
    const expected = 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING: expected ClientId=<id of the managed identity>;Authorization=AAD';
    assert.equal(lines.filter((line) => line.includes(expected)).length, 1);
    assert.ok(lines.some((line) => line.includes('run.completed')));
    for (const canary of CANARIES) assert.ok(!lines.join('\n').includes(canary), `${canary} is in the log`);
    assert.equal(ingestion.requests.length, before);
  });
});
