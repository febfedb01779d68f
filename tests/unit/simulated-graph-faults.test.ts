/**
 * Faults, conditions, counts and the control endpoint of the simulated Graph.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { Client } from '@microsoft/microsoft-graph-client';
import { createRequestRecorder } from '../../local/graph/request-log.ts';
import { startSimulatedGraph, type Fault } from '../../local/graph/server.ts';
import { openSimulation, send, testDirectory, type Simulation } from '../../local/graph/testing.ts';

const ADA = '/users/ada@contoso.example';
const BEN = '/users/ben@contoso.example';
const messagesOf = (user: string): string => `${user}/mailFolders/inbox/messages`;
const createAt = (simulation: Simulation, user = ADA): ReturnType<Simulation['call']> =>
  simulation.call('POST', messagesOf(user), { subject: 'x' });
const countAt = async (simulation: Simulation, user = ADA): Promise<number> =>
  (await simulation.call('GET', messagesOf(user))).body.value.length;

describe('a fault', () => {
  test('answers its status with Retry-After as often as it shall, after those that it lets pass', async (t) => {
    const simulation = await openSimulation(t);
    simulation.graph.setFaults([
      {
        match: { kind: 'create-message' },
        times: 2,
        skip: 1,
        effect: { type: 'status', status: 429, code: 'ApplicationThrottled', retryAfterSeconds: 7 },
      },
    ]);
    const answers = [];
    for (let n = 0; n < 4; n += 1) answers.push(await createAt(simulation));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [201, 429, 429, 201],
    );
    assert.equal(answers[1]?.headers.get('retry-after'), '7');
    assert.equal(answers[1]?.body.error.code, 'ApplicationThrottled');
    assert.equal(await countAt(simulation), 2);
  });

  test('strikes only what it is aimed at', async (t) => {
    const simulation = await openSimulation(t);
    const effect = { type: 'status', status: 503 } as const;
    simulation.graph.setFaults([{ match: { mailbox: 'Ada.Fields@contoso.example', method: 'post' }, effect }]);
    assert.equal((await createAt(simulation, BEN)).status, 201);
    assert.equal((await simulation.call('GET', messagesOf(ADA))).status, 200);
    assert.equal((await createAt(simulation)).status, 503);
    assert.equal((await createAt(simulation)).status, 201);
  });

  test('after the effect leaves the effect and hides the answer', async (t) => {
    const simulation = await openSimulation(t);
    simulation.graph.setFaults([{ match: { kind: 'create-message' }, effect: { type: 'status-after-effect', status: 504 } }]);
    assert.equal((await createAt(simulation)).status, 504);
    assert.equal(await countAt(simulation), 1);
  });

  for (const [effect, left] of [
    ['reset', 0],
    ['reset-after-effect', 1],
  ] as const) {
    test(`${effect} breaks the connection and leaves ${left} messages`, async (t) => {
      const simulation = await openSimulation(t, { faults: [{ match: { kind: 'create-message' }, effect: { type: effect } }] });
      await assert.rejects(createAt(simulation), TypeError);
      assert.equal(await countAt(simulation), left);
    });
  }

  for (const [effect, left] of [
    ['time-out', 0],
    ['time-out-after-effect', 1],
  ] as const) {
    test(`${effect} never answers, leaves ${left} messages and ends with the server`, async (t) => {
      const simulation = await openSimulation(t, { faults: [{ match: { kind: 'create-message' }, effect: { type: effect } }] });
      let answered = false;
      const request = createAt(simulation).finally(() => (answered = true));
      request.catch(() => undefined);
      // The log entry says that the server is done with the request.
      while (simulation.graph.requests.counts['create-message'] !== 1) await simulation.call('GET', ADA);
      assert.equal(answered, false);
      assert.equal(simulation.graph.requests.log.find(({ kind }) => kind === 'create-message')?.status, undefined);
      assert.equal(await countAt(simulation), left);
      await simulation.graph.close();
      await assert.rejects(request, TypeError);
    });
  }

  test('of a range leaves what was received readable', async (t) => {
    const simulation = await openSimulation(t, { limits: { uploadMinimumBytes: 1 } });
    const { body: message } = await createAt(simulation);
    const item = { AttachmentItem: { attachmentType: 'file', name: 'a', size: 4 } };
    const { body: session } = await simulation.call('POST', `${ADA}/messages/${message.id}/attachments/createUploadSession`, item);
    simulation.graph.setFaults([
      { match: { kind: 'put-range', mailbox: 'ada@contoso.example' }, effect: { type: 'status-after-effect', status: 503 } },
    ]);
    const put = (start: number): ReturnType<typeof send> =>
      send('PUT', session.uploadUrl, Buffer.from('ab'), { 'content-range': `bytes ${start}-${start + 1}/4` });
    assert.equal((await put(0)).status, 503);
    assert.deepEqual((await send('GET', session.uploadUrl)).body.nextExpectedRanges, ['2']);
    assert.equal((await put(2)).status, 201);
  });

  test('that is none is refused, so that a mistyped test does not pass for want of trouble', async (t) => {
    const { graph } = await openSimulation(t);
    for (const fault of [
      { match: { kind: 'create-mesage' }, effect: { type: 'reset' } },
      { match: {}, effect: { type: 'explode' } },
      { match: {}, times: Number.NaN, effect: { type: 'reset' } },
      { match: {}, effect: { type: 'reset', status: 500 } },
      { matches: {}, effect: { type: 'reset' } },
    ]) {
      assert.throws(() => graph.setFaults([fault as unknown as Fault]), /Invalid|Unrecognized/);
    }
  });
});

describe('a mailbox', () => {
  test('over its quota takes nothing more and can be read', async (t) => {
    const simulation = await openSimulation(t, { conditions: [{ mailbox: 'ADA@contoso.example', condition: 'quotaExceeded' }] });
    const refused = await createAt(simulation);
    assert.equal(refused.status, 507);
    assert.equal(refused.body.error.code, 'ErrorQuotaExceeded');
    assert.equal((await simulation.call('POST', `${ADA}/mailFolders`, { displayName: 'x' })).status, 507);
    assert.equal(await countAt(simulation), 0);
    assert.equal((await createAt(simulation, BEN)).status, 201);
    simulation.graph.setConditions([]);
    assert.equal((await createAt(simulation)).status, 201);
  });

  test('without access refuses everything, though its user is known', async (t) => {
    const simulation = await openSimulation(t, { conditions: [{ mailbox: 'ada@contoso.example', condition: 'accessDenied' }] });
    const refused = await simulation.call('GET', `${ADA}/mailFolders/inbox`);
    assert.equal(refused.status, 403);
    assert.equal(refused.body.error.code, 'ErrorAccessDenied');
    assert.equal((await simulation.call('GET', ADA)).status, 200);
  });

  test('that refuses senders takes a message without one', async (t) => {
    const simulation = await openSimulation(t, { conditions: [{ mailbox: 'ada@contoso.example', condition: 'senderRefused' }] });
    for (const property of ['from', 'sender']) {
      const refused = await simulation.call('POST', messagesOf(ADA), { [property]: { emailAddress: { address: 'x@y.example' } } });
      assert.equal(refused.status, 403);
      assert.equal(refused.body.error.code, 'ErrorSendAsDenied');
    }
    assert.equal((await simulation.call('POST', messagesOf(ADA), { subject: '"from":' })).status, 201);
  });

  test('throttles more requests at once than it may have, and says when to come back', async (t) => {
    const simulation = await openSimulation(t, { mailboxConcurrency: 4, limits: { retryAfterSeconds: 3 } });
    // Four requests whose bodies are never finished are under way for as long as they are held.
    const { hostname, port } = new URL(simulation.graph.baseUrl);
    const held = Array.from({ length: 4 }, () => connect(Number(port), hostname));
    t.after(() => held.forEach((socket) => socket.destroy()));
    for (const socket of held) {
      socket.write(
        `POST /graph/v1.0${messagesOf(ADA)} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{`,
      );
    }
    while (simulation.graph.requests.mostAtOnce < 4) await simulation.call('GET', ADA);
    const throttled = await simulation.call('GET', messagesOf(ADA));
    assert.equal(throttled.status, 429);
    assert.equal(throttled.headers.get('retry-after'), '3');
    assert.match(throttled.body.error.message, /MailboxConcurrency/);
    assert.equal((await simulation.call('GET', messagesOf(BEN))).status, 200);
    simulation.graph.setMailboxConcurrency(undefined);
    assert.equal((await simulation.call('GET', messagesOf(ADA))).status, 200);
    simulation.graph.setMailboxConcurrency(4);
    for (const socket of held) socket.write('}');
    while ((await countAtWithoutLimit(simulation)) < 4);
    assert.equal((await simulation.call('GET', messagesOf(ADA))).status, 200);
  });

  async function countAtWithoutLimit(simulation: Simulation): Promise<number> {
    return (await simulation.call('GET', messagesOf(ADA))).body.value?.length ?? 0;
  }
});

describe('the log', () => {
  test('counts by kind, and names the route, the mailbox and the status', async (t) => {
    const simulation = await openSimulation(t);
    await createAt(simulation);
    await simulation.call('GET', `${ADA}/mailFolders/inbox?$select=id`);
    await simulation.call('GET', '/users/nobody');
    const { counts, log, warnings } = simulation.graph.requests;
    assert.deepEqual(counts, { 'create-message': 1, 'get-inbox': 1, 'get-user': 1 });
    assert.deepEqual(
      log.map(({ method, path, status, mailbox }) => [method, path, status, mailbox]),
      [
        ['POST', '/users/{user}/mailFolders/{folder}/messages', 201, 'ada.fields@contoso.example'],
        ['GET', '/users/{user}/mailFolders/inbox', 200, 'ada.fields@contoso.example'],
        ['GET', '/users/{user}', 404, undefined],
      ],
    );
    assert.deepEqual(warnings, []);
  });

  test('keeps the last 5,000 requests and 1,000 warnings, and counts them all', () => {
    const recorder = createRequestRecorder();
    for (let n = 0; n < 5_010; n += 1) {
      recorder.record({ kind: 'get-user', method: 'GET', path: '/users/{user}', mailbox: undefined, status: n, at: '' });
      recorder.warn(String(n));
    }
    const { counts, log, warnings } = recorder.requests;
    assert.equal(counts['get-user'], 5_010);
    assert.deepEqual([log.length, log[0]?.status], [5_000, 10]);
    assert.deepEqual([warnings.length, warnings[0]], [1_000, '4010']);
  });

  for (const [method, path] of [
    ['GET', '/me'],
    ['POST', `${ADA}/messages`],
    ['PUT', `${ADA}/mailFolders/inbox`],
    ['GET', `${ADA}/messages/x/attachments/createUploadSession/`],
    ['GET', '/users/%E0%A4%A'],
    ['GET', '/../v1.0x/users'],
  ] as const) {
    test(`warns of a route that is not there: ${method} ${path}`, async (t) => {
      const { call, graph } = await openSimulation(t);
      const answer = await call(method, path);
      assert.equal(answer.status, 404);
      assert.equal(typeof answer.body.error.code, 'string');
      assert.equal(graph.requests.counts.unknown, 1);
      assert.equal(graph.requests.warnings.length, 1);
    });
  }

  test('warns of a mailbox request without immutable ids', async (t) => {
    const { call, graph } = await openSimulation(t);
    assert.equal((await call('GET', `${ADA}/mailFolders`, undefined, { prefer: 'outlook.body-content-type="text"' })).status, 200);
    assert.deepEqual(graph.requests.warnings, ['list-folders: sent without Prefer: IdType="ImmutableId"']);
    await call('GET', `${ADA}/mailFolders`, undefined, { prefer: 'outlook.body-content-type="text", IdType="ImmutableId"' });
    assert.equal(graph.requests.warnings.length, 1);
  });
});

describe('the control endpoint', () => {
  const control = (simulation: Simulation, path: string): string => `${new URL(simulation.graph.baseUrl).origin}/__simulator/${path}`;

  test('sets faults and conditions from outside, and shows which are still to strike', async (t) => {
    const simulation = await openSimulation(t);
    const fault = { match: { kind: 'create-message' }, times: 2, effect: { type: 'status', status: 500 } };
    assert.equal((await send('POST', control(simulation, 'faults'), [fault])).status, 200);
    assert.equal((await createAt(simulation)).status, 500);
    assert.deepEqual((await send('GET', control(simulation, 'faults'))).body.faults, [{ ...fault, times: 1, skip: 0 }]);
    const conditions = [{ mailbox: 'ben@contoso.example', condition: 'accessDenied' }];
    assert.equal((await send('POST', control(simulation, 'faults'), { faults: [], conditions })).status, 200);
    assert.equal((await createAt(simulation)).status, 201);
    assert.equal((await createAt(simulation, BEN)).status, 403);
    assert.equal((await send('POST', control(simulation, 'faults'), '[{]')).status, 400);
    assert.equal((await send('POST', control(simulation, 'faults'), [{ effect: {} }])).status, 400);
    assert.equal((await createAt(simulation, BEN)).status, 403);
  });

  test('shows and forgets the requests, and is not counted itself', async (t) => {
    const simulation = await openSimulation(t);
    await createAt(simulation);
    const shown = await send('GET', control(simulation, 'requests'));
    assert.deepEqual(shown.body.counts, { 'create-message': 1 });
    assert.equal(shown.body.log.length, 1);
    assert.equal(shown.body.mostAtOnce, 1);
    assert.equal((await send('DELETE', control(simulation, 'requests'))).status, 204);
    assert.deepEqual((await send('GET', control(simulation, 'requests'))).body, { counts: {}, log: [], warnings: [], mostAtOnce: 0 });
    assert.equal((await send('GET', control(simulation, 'nothing'))).status, 404);
  });
});

test("Microsoft's own client speaks to it", async (t) => {
  const { graph } = await openSimulation(t);
  const client = Client.init({ baseUrl: `${graph.baseUrl}/`, authProvider: (done) => done(null, 'token') });
  const headers = { Prefer: 'IdType="ImmutableId"' };
  const created = await client.api(messagesOf(ADA)).headers(headers).post({ subject: 'from the client' });
  const listed = await client.api(messagesOf(ADA)).headers(headers).select('subject').top(5).get();
  assert.deepEqual(
    listed.value.map((message: { id: string; subject: string }) => [message.id, message.subject]),
    [[created.id, 'from the client']],
  );
  await assert.rejects(client.api('/users/nobody').get(), { statusCode: 404, code: 'Request_ResourceNotFound' });
  assert.deepEqual(graph.requests.warnings, []);
});

describe('a simulated Graph', () => {
  test('answers under its path only', async (t) => {
    const { graph } = await openSimulation(t, { pathPrefix: '/a/b' });
    assert.ok(graph.baseUrl.endsWith('/a/b'));
    assert.equal((await send('GET', `${graph.baseUrl}/v1.0${ADA}`)).status, 200);
    assert.equal((await send('GET', `${new URL(graph.baseUrl).origin}/v1.0${ADA}`)).status, 404);
    assert.equal((await send('GET', `${graph.baseUrl}/beta${ADA}`)).status, 404);
  });

  test('does not start on a port that is taken', async (t) => {
    const { graph, root } = await openSimulation(t);
    const port = Number(new URL(graph.baseUrl).port);
    await assert.rejects(startSimulatedGraph({ directory: testDirectory, root, port }), /EADDRINUSE/);
  });
});
