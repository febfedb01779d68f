/**
 * How the simulated Graph answers questions about users.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createDirectory } from '../../local/graph/directory.ts';
import { openSimulation } from '../../local/graph/testing.ts';

const ADVANCED = { ConsistencyLevel: 'eventual' };
const search = (filter: string): string => `/users?$filter=${encodeURIComponent(filter)}&$count=true`;

describe('a user by id or user principal name', () => {
  test('is found in whatever case, with the same id at every start and only the default properties', async (t) => {
    const simulation = await openSimulation(t);
    const first = await simulation.call('GET', '/users/ADA@contoso.example');
    assert.equal(first.status, 200);
    assert.match(first.body.id, /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.equal(first.body.userPrincipalName, 'ada@contoso.example');
    assert.equal(first.body.mail, 'Ada.Fields@contoso.example');
    assert.ok(!('proxyAddresses' in first.body) && !('userType' in first.body));

    const again = await simulation.restart();
    const byId = await again.call('GET', `/users/${first.body.id}?$select=userType,proxyAddresses`);
    assert.deepEqual(byId.body, {
      userType: 'Member',
      proxyAddresses: ['SMTP:Ada.Fields@contoso.example', "smtp:o'ada+archive@contoso.example"],
    });
  });

  test('is not found by an address that is not the user principal name', async (t) => {
    const { call } = await openSimulation(t);
    const answer = await call('GET', '/users/Ada.Fields@contoso.example');
    assert.equal(answer.status, 404);
    assert.equal(answer.body.error.code, 'Request_ResourceNotFound');
    assert.equal(answer.body.error.innerError['request-id'], answer.headers.get('request-id'));
  });

  test('is a guest where the encoded name says so', async (t) => {
    const { call } = await openSimulation(t);
    const answer = await call('GET', '/users/guest_partner%23EXT%23@contoso.example?$select=userType');
    assert.deepEqual(answer.body, { userType: 'Guest' });
  });

  test('with an unknown property or query option is refused', async (t) => {
    const { call } = await openSimulation(t);
    const property = await call('GET', '/users/ada@contoso.example?$select=mial');
    assert.equal(property.status, 400);
    assert.match(property.body.error.message, /'mial'/);
    assert.equal((await call('GET', '/users/ada@contoso.example?$selct=mail')).status, 400);
  });
});

describe('a search for a user by address', () => {
  test('finds the mail address and the proxy addresses in whatever case, and counts', async (t) => {
    const { call } = await openSimulation(t);
    const answer = await call(
      'GET',
      search("mail eq 'ADA.FIELDS@contoso.example' or proxyAddresses/any(p:p eq 'smtp:ben@contoso.example')"),
      undefined,
      ADVANCED,
    );
    assert.equal(answer.status, 200);
    assert.equal(answer.body['@odata.count'], 1);
    assert.equal(answer.body.value[0].userPrincipalName, 'ada@contoso.example');
    const byProxy = await call('GET', search("proxyAddresses/any(p:p eq 'smtp:ADA.fields@contoso.example')"), undefined, ADVANCED);
    assert.equal(byProxy.body.value.length, 1);
  });

  test('takes doubled quotes for one, and a plus sign only where it is encoded', async (t) => {
    const { call } = await openSimulation(t);
    const filter = "proxyAddresses/any(p:p eq 'smtp:o''ada+archive@contoso.example')";
    assert.equal((await call('GET', search(filter), undefined, ADVANCED)).body.value.length, 1);
    const unencoded = search(filter).replaceAll('%2B', '+');
    assert.equal((await call('GET', unencoded, undefined, ADVANCED)).body.value.length, 0);
  });

  test('without ConsistencyLevel or $count is refused', async (t) => {
    const { call } = await openSimulation(t);
    const path = search("mail eq 'ben@contoso.example'");
    const answer = await call('GET', path);
    assert.equal(answer.status, 400);
    assert.equal(answer.body.error.code, 'Request_UnsupportedQuery');
    assert.equal((await call('GET', path.replace('&$count=true', ''), undefined, ADVANCED)).status, 400);
    assert.equal((await call('GET', path, undefined, ADVANCED)).status, 200);
  });

  for (const filter of [
    "otherMails/any(p:p eq 'ben@contoso.example')",
    "mail eq 'ben@contoso.example' and userType eq 'Member'",
    "mail eq 'o'ada@contoso.example'",
    "startsWith(mail,'ben')",
    "proxyAddresses/any(p:q eq 'smtp:ben@contoso.example')",
    '',
  ]) {
    test(`by another filter is refused and warned of: ${filter}`, async (t) => {
      const { call, graph } = await openSimulation(t);
      assert.equal((await call('GET', search(filter), undefined, ADVANCED)).status, 400);
      assert.equal(graph.requests.warnings.length, 1);
    });
  }

  test('is never warned of where it is asked as it should be', async (t) => {
    const { call, graph } = await openSimulation(t);
    await call('GET', search("mail eq 'x' or proxyAddresses/any(p:p eq 'smtp:x')"), undefined, ADVANCED);
    assert.deepEqual(graph.requests.warnings, []);
  });
});

test('a directory that names a user twice is refused', () => {
  const user = { userPrincipalName: 'ada@contoso.example', hasMailbox: true };
  assert.throws(() => createDirectory([user, { ...user, userPrincipalName: 'ADA@contoso.example' }]), /twice/);
});

test('two users with one mail address do not share a mailbox folder', () => {
  const directory = createDirectory(
    ['a@contoso.example', 'b@contoso.example'].map((userPrincipalName) => ({
      userPrincipalName,
      mail: 'same@contoso.example',
      hasMailbox: true,
    })),
  );
  assert.equal(directory.find('a@contoso.example')?.mailboxDirectory, 'same@contoso.example');
  assert.equal(directory.find('b@contoso.example')?.mailboxDirectory, 'b@contoso.example');
});
