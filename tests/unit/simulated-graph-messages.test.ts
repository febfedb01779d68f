/**
 * How strictly the simulated Graph takes messages, and how it gives them back.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { openSimulation, send, type Simulation } from '../../local/graph/testing.ts';

const USER = '/users/ada@contoso.example';
const INBOX = `${USER}/mailFolders/inbox/messages`;
const KEY = 'String {6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name ArchiveItemKey';
const property = (id: string, value: string): { id: string; value: string } => ({ id, value });
const file = (name: string, content: string): object => ({
  '@odata.type': '#microsoft.graph.fileAttachment',
  name,
  contentBytes: Buffer.from(content).toString('base64'),
});
const byKey = (value: string): string =>
  `${INBOX}?$filter=${encodeURIComponent(`singleValueExtendedProperties/any(ep: ep/id eq '${KEY}' and ep/value eq '${value}')`)}`;

const archived = {
  subject: 'SMS',
  body: { contentType: 'html', content: '<p>Hello</p>' },
  from: { emailAddress: { name: 'Ben', address: 'ben@contoso.example' } },
  toRecipients: [{ emailAddress: { address: 'ada@contoso.example' } }],
  internetMessageHeaders: [{ name: 'x-archived', value: 'yes' }],
  singleValueExtendedProperties: [
    property('Integer 0x0E07', '1'),
    property('SystemTime 0x0E06', '2026-03-01T10:00:05Z'),
    property('SystemTime 0x0039', '2026-03-01T10:00:00.250Z'),
    property('String 0x001A', 'IPM.ExternalData.EnterpriseNumberArchiver'),
    property(KEY, 'abc'),
  ],
  attachments: [file('a.txt', 'first')],
};

describe('a message that is created', () => {
  test('is no draft with its flags, and has the dates of its properties', async (t) => {
    const { call, graph } = await openSimulation(t);
    const { status, body } = await call('POST', INBOX, archived);
    assert.equal(status, 201);
    assert.equal(body.isDraft, false);
    assert.equal(body.isRead, true);
    assert.equal(body.receivedDateTime, '2026-03-01T10:00:05Z');
    assert.equal(body.sentDateTime, '2026-03-01T10:00:00Z');
    assert.equal(body.hasAttachments, true);
    assert.equal(body.bodyPreview, 'Hello');
    assert.equal(body.parentFolderId, (await call('GET', `${USER}/mailFolders/inbox`)).body.id);
    assert.ok(!('singleValueExtendedProperties' in body) && !('attachments' in body) && !('internetMessageHeaders' in body));
    assert.deepEqual(graph.requests.warnings, []);
  });

  test('is a draft without its flags, and unread with the flags 0', async (t) => {
    const { call } = await openSimulation(t);
    assert.equal((await call('POST', INBOX, { subject: 'x' })).body.isDraft, true);
    const unread = await call('POST', INBOX, { singleValueExtendedProperties: [property('Integer 0xE07', '0')] });
    assert.equal(unread.body.isDraft, false);
    assert.equal(unread.body.isRead, false);
  });

  test('with half of a surrogate pair in a text is refused', async (t) => {
    const { call } = await openSimulation(t);
    const answer = await call('POST', INBOX, { ...archived, toRecipients: [{ emailAddress: { name: 'a\ud83d' } }] });
    assert.equal(answer.status, 400);
    assert.match(answer.body.error.message, /surrogate/);
    assert.equal((await call('POST', INBOX, { ...archived, subject: 'a\ud83d\ude00' })).status, 201);
  });

  test('in an unknown folder is not found', async (t) => {
    const { call } = await openSimulation(t);
    const answer = await call('POST', `${USER}/mailFolders/AQMkADnone=/messages`, archived);
    assert.equal(answer.status, 404);
    assert.equal(answer.body.error.code, 'ErrorItemNotFound');
  });
});

const base64 = (content: string): object => ({ ...file('a', ''), contentBytes: content });
const properties = (...list: object[]): object => ({ singleValueExtendedProperties: list });
const refused: readonly [why: string, status: number, body: unknown][] = [
  ['an unknown property', 400, { subjekt: 'x' }],
  ['an unknown property of a recipient', 400, { toRecipients: [{ emailAddress: { adress: 'x' } }] }],
  ['a wrong word for the body', 400, { body: { contentType: 'HTML5', content: '' } }],
  ['a number for a text', 400, { subject: 5 }],
  ['a recipient without address and name', 400, { toRecipients: [{ emailAddress: {} }] }],
  ['a number as value of an extended property', 400, properties({ id: KEY, value: 5 })],
  ['no value of an extended property', 400, properties({ id: KEY })],
  ['a property twice', 400, properties(property(KEY, 'a'), property(KEY.replace('6a5c3a7e', '6A5C3A7E'), 'b'))],
  ['a property id without type', 400, properties(property('{6a5c3a7e-2f0d-4f0c-9a53-2b0f6f1f8e11} Name X', 'a'))],
  ['a property id with a broken GUID', 400, properties(property('String {6a5c3a7e} Name X', 'a'))],
  ['a property type that does not exist', 400, properties(property('constructor 0x001A', 'a'))],
  ['a tag under a wrong type', 400, properties(property('String 0x0E07', '1'))],
  ['an Integer that is none', 400, properties(property('Integer 0x0E07', 'read'))],
  ['a SystemTime without zone', 400, properties(property('SystemTime 0x0E06', '2026-03-01T10:00:00'))],
  ['a SystemTime that is no day', 400, properties(property('SystemTime 0x0E06', '2026-02-31T10:00:00Z'))],
  ['a property of more than 32 KB', 400, properties(property('String 0x007D', 'x'.repeat(32 * 1024 + 1)))],
  ['the flag UNSENT', 400, properties(property('Integer 0x0E07', '9'))],
  ['no internet message headers in a list', 400, { internetMessageHeaders: [] }],
  ['six internet message headers', 400, { internetMessageHeaders: Array.from({ length: 6 }, (_, n) => ({ name: `x-${n}`, value: '1' })) }],
  ['an internet message header without x-', 400, { internetMessageHeaders: [{ name: 'Received', value: '1' }] }],
  ['an internet message header with a line break', 400, { internetMessageHeaders: [{ name: 'x-a', value: '1\r\nBcc: x' }] }],
  ['an attachment without type', 400, { attachments: [{ name: 'a', contentBytes: '' }] }],
  ['an attachment of another type', 400, { attachments: [{ ...file('a', 'b'), '@odata.type': '#microsoft.graph.itemAttachment' }] }],
  ['an attachment without name', 400, { attachments: [file('', 'b')] }],
  ['an attachment with a size', 400, { attachments: [{ ...file('a', 'b'), size: 1 }] }],
  ['an attachment that is not base64', 400, { attachments: [base64('ab!=')] }],
  ['an attachment in base64 without padding', 400, { attachments: [base64('YQ')] }],
  ['an attachment of 3 MB', 413, { attachments: [file('a', 'x'.repeat(3 * 1024 * 1024))] }],
  ['a subject of 256 characters', 400, { subject: 'x'.repeat(256) }],
  ['open extensions', 400, { extensions: [] }],
  ...['id', 'changeKey', 'createdDateTime', 'parentFolderId', 'webLink', 'sentDateTime', 'receivedDateTime'].map(
    (name): [string, number, unknown] => [`the read-only ${name}`, 400, { [name]: '2026-03-01T10:00:00Z' }],
  ),
  ['the read-only isDraft', 400, { isDraft: false }],
  ['the read-only hasAttachments', 400, { hasAttachments: true }],
  ['a list instead of an object', 400, []],
  ['text that is not JSON', 400, '{"subject":'],
  ['bytes that are not UTF-8', 400, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
];

describe('a create is refused for', () => {
  for (const [why, status, body] of refused) {
    test(why, async (t) => {
      const { call } = await openSimulation(t);
      const answer = await call('POST', INBOX, body, { 'content-type': 'application/json' });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(typeof answer.body.error.code, 'string');
      assert.equal((await call('GET', INBOX)).body.value.length, 0);
    });
  }

  test('MIME instead of JSON', async (t) => {
    const { call } = await openSimulation(t);
    assert.equal((await call('POST', INBOX, 'U3ViamVjdDogeA==', { 'content-type': 'text/plain' })).status, 415);
  });

  test('4 MB, and not for a byte less', async (t) => {
    const { call } = await openSimulation(t);
    const padded = (bytes: number): string => `{"body":{"content":"${'x'.repeat(bytes - 24)}"} }`;
    assert.equal(Buffer.byteLength(padded(100)), 100);
    const tooLarge = await call('POST', INBOX, padded(4 * 1024 * 1024));
    assert.equal(tooLarge.status, 413);
    assert.equal((await call('POST', INBOX, padded(4 * 1024 * 1024 - 1))).status, 201);
  });
});

async function create(simulation: Simulation, body: object = archived): Promise<string> {
  const answer = await simulation.call('POST', INBOX, body);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.id;
}

describe('a message is found', () => {
  test('by the value of a named property, in its own folder only', async (t) => {
    const simulation = await openSimulation(t);
    const id = await create(simulation);
    const found = await simulation.call('GET', `${byKey('abc')}&$select=id`);
    assert.deepEqual(
      found.body.value.map((message: { id: string }) => message.id),
      [id],
    );
    assert.deepEqual((await simulation.call('GET', byKey('abcd'))).body.value, []);
    assert.deepEqual((await simulation.call('GET', byKey('ABC'))).body.value, []);
    assert.deepEqual((await simulation.call('GET', byKey('abc').replace('inbox', 'drafts'))).body.value, []);
    assert.equal((await simulation.call('GET', byKey('abc').replace('6a5c3a7e', '6A5C3A7E'))).body.value.length, 1);
  });

  test('by the time at which it was received, from the first moment to before the last one, in its own folder only', async (t) => {
    const simulation = await openSimulation(t);
    const id = await create(simulation);
    const within = async (folder: string, from: string, before: string): Promise<string[]> => {
      const filter = encodeURIComponent(`receivedDateTime ge 2026-03-01T${from}Z and receivedDateTime lt 2026-03-01T${before}Z`);
      const found = await simulation.call('GET', `${folder}?$filter=${filter}&$select=id`);
      return found.body.value.map((message: { id: string }) => message.id);
    };
    assert.deepEqual(await within(INBOX, '10:00:05', '10:00:06'), [id]);
    assert.deepEqual(await within(INBOX, '10:00:06', '10:00:07'), []);
    assert.deepEqual(await within(INBOX, '10:00:04', '10:00:05'), []);
    assert.deepEqual(await within(INBOX.replace('inbox', 'drafts'), '10:00:05', '10:00:06'), []);
    const { call } = await simulation.restart();
    const filter = encodeURIComponent('receivedDateTime ge 2026-03-01T10:00:05Z and receivedDateTime lt 2026-03-01T10:00:06Z');
    assert.equal((await call('GET', `${INBOX}?$filter=${filter}`)).body.value.length, 1);
  });

  test('as often as it was created', async (t) => {
    const simulation = await openSimulation(t);
    await create(simulation);
    await create(simulation);
    assert.equal((await simulation.call('GET', byKey('abc'))).body.value.length, 2);
  });

  for (const filter of [
    `singleValueExtendedProperties/Any(ep: ep/id eq '${KEY}' and ep/value eq 'abc')`,
    `singleValueExtendedProperties/any(ep: ep/value eq 'abc' and ep/id eq '${KEY}')`,
    `singleValueExtendedProperties/any(ep: x/id eq '${KEY}' and ep/value eq 'abc')`,
    "singleValueExtendedProperties/any(ep: ep/id eq 'String 0x001A' and ep/value eq 'abc')",
    "subject eq 'SMS'",
    'receivedDateTime ge 2026-03-01T10:00:05Z',
    "receivedDateTime ge '2026-03-01T10:00:05Z' and receivedDateTime lt '2026-03-01T10:00:06Z'",
    'receivedDateTime ge 2026-03-01T10:00:05 and receivedDateTime lt 2026-03-01T10:00:06',
    'receivedDateTime ge 2026-03-01T10:00:06Z and receivedDateTime lt 2026-03-01T10:00:05Z',
    'receivedDateTime ge 2026-03-01T10:00:05Z and sentDateTime lt 2026-03-01T10:00:06Z',
  ]) {
    test(`by no other filter: ${filter}`, async (t) => {
      const { call } = await openSimulation(t);
      assert.equal((await call('GET', `${INBOX}?$filter=${encodeURIComponent(filter)}`)).status, 400);
    });
  }

  test('ten on a page, with a link to the next', async (t) => {
    const simulation = await openSimulation(t);
    for (let n = 0; n < 11; n += 1) await create(simulation, { subject: String(n) });
    const first = await simulation.call('GET', `${INBOX}?$select=subject`);
    assert.equal(first.body.value.length, 10);
    const { body: rest } = await send('GET', first.body['@odata.nextLink']);
    assert.deepEqual(
      rest.value.map((message: { subject: string }) => message.subject),
      ['10'],
    );
    assert.ok(!('@odata.nextLink' in rest));
  });
});

describe('a message is shown', () => {
  test('with its body in the line ends of Exchange, as HTML of its own or, where that is preferred, as text', async (t) => {
    const simulation = await openSimulation(t);
    const asText = { prefer: 'IdType="ImmutableId", outlook.body-content-type="text"' };
    const bodyOf = async (body: object, headers = {}): Promise<{ contentType: string; content: string }> => {
      const id = await create(simulation, { body });
      return (await simulation.call('GET', `${USER}/messages/${id}?$select=body`, undefined, headers)).body.body;
    };
    const text = { contentType: 'text', content: 'one\r\ntwo\r\n' };
    assert.deepEqual(await bodyOf({ contentType: 'text', content: 'one\ntwo' }, asText), text);
    assert.deepEqual(await bodyOf({ contentType: 'html', content: '<p>one\ntwo</p>' }, asText), text);
    const html = await bodyOf({ contentType: 'html', content: '<html><body class="a"><p>one\ntwo</p></body></html>' });
    assert.equal(html.contentType, 'html');
    assert.match(html.content, /^<html><head>[^]*<\/head><body>\r\n<p>one\r\ntwo<\/p>\r\n<\/body><\/html>$/);
    assert.deepEqual(simulation.graph.requests.warnings, []);
  });

  test('with the selected properties and its id', async (t) => {
    const simulation = await openSimulation(t);
    const id = await create(simulation);
    const { body } = await simulation.call('GET', `${USER}/messages/${id}?$select=subject,internetMessageHeaders`);
    assert.deepEqual(Object.keys(body).sort(), ['@odata.etag', 'id', 'internetMessageHeaders', 'subject']);
    assert.equal((await simulation.call('GET', `${USER}/messages/${id}?$select=subjekt`)).status, 400);
  });

  test('with the extended properties and attachments that are expanded', async (t) => {
    const simulation = await openSimulation(t);
    const id = await create(simulation);
    const expand = `singleValueExtendedProperties($filter=id eq '${KEY}' or id eq 'String 0x001A'),attachments($select=id,name,size)`;
    const { body } = await simulation.call('GET', `${USER}/messages/${id}?$select=id&$expand=${encodeURIComponent(expand)}`);
    assert.deepEqual(body.singleValueExtendedProperties.map((each: { value: string }) => each.value).sort(), [
      'IPM.ExternalData.EnterpriseNumberArchiver',
      'abc',
    ]);
    assert.equal(body.attachments[0].name, 'a.txt');
    assert.ok(!('contentBytes' in body.attachments[0]));
    assert.equal((await simulation.call('GET', `${USER}/messages/${id}?$expand=singleValueExtendedProperties`)).status, 400);
  });

  test('with a larger size of an attachment than the file has, as Exchange does', async (t) => {
    const simulation = await openSimulation(t);
    const id = await create(simulation);
    const { body } = await simulation.call('GET', `${USER}/messages/${id}/attachments`);
    const [attachment] = body.value;
    assert.equal(Buffer.from(attachment.contentBytes, 'base64').toString(), 'first');
    assert.ok(attachment.size > 'first'.length);
    assert.ok(!('sha256' in attachment) && !('file' in attachment));
    assert.equal((await simulation.call('GET', `${USER}/messages/${id}/attachments?$select=contentBytes`)).status, 400);
    const raw = await fetch(`${simulation.graph.baseUrl}/v1.0${USER}/messages/${id}/attachments/${attachment.id}/$value`);
    assert.equal(await raw.text(), 'first');
  });

  test('with ten attachments on a page', async (t) => {
    const simulation = await openSimulation(t);
    const id = await create(simulation, { attachments: Array.from({ length: 11 }, (_, n) => file(`${n}.txt`, 'x')) });
    const first = await simulation.call('GET', `${USER}/messages/${id}/attachments?$select=name`);
    assert.equal(first.body.value.length, 10);
    const { body: rest } = await send('GET', first.body['@odata.nextLink']);
    assert.deepEqual(
      rest.value.map((each: { name: string }) => each.name),
      ['10.txt'],
    );
  });

  test('not at all under an unknown id', async (t) => {
    const { call } = await openSimulation(t);
    for (const path of ['', '/attachments'])
      assert.equal((await call('GET', `${USER}/messages/none${path}`)).body.error.code, 'ErrorItemNotFound');
  });
});

describe('a message that exists', () => {
  async function opened(
    t: TestContext,
    body: object,
  ): Promise<{ patch: (change: object) => ReturnType<Simulation['call']>; id: string; simulation: Simulation }> {
    const simulation = await openSimulation(t);
    const id = await create(simulation, body);
    return { simulation, id, patch: (change) => simulation.call('PATCH', `${USER}/messages/${id}`, change) };
  }

  test('never takes message flags, and takes content as a draft only', async (t) => {
    const draft = await opened(t, { subject: 'draft' });
    assert.equal((await draft.patch(properties(property('Integer 0x0E07', '1')))).status, 400);
    assert.equal((await draft.patch({ subject: 'new' })).body.subject, 'new');

    const item = await opened(t, archived);
    assert.equal((await item.patch(properties(property('Integer 0x0E07', '1')))).status, 400);
    for (const change of [
      { subject: 'new' },
      { body: { content: '' } },
      { toRecipients: [] },
      properties(property('SystemTime 0x0E06', '2026-03-01T10:00:05Z')),
    ]) {
      assert.equal((await item.patch(change)).status, 403);
    }
    assert.equal((await item.patch({ isDraft: true })).status, 400);
    assert.equal((await item.patch({ attachments: [] })).status, 400);
    assert.equal((await item.simulation.call('GET', `${USER}/messages/${item.id}`)).body.subject, 'SMS');
  });

  test('takes a mark and a named property, by which it is then found', async (t) => {
    const { patch, simulation } = await opened(t, archived);
    assert.equal((await patch({ isRead: false, ...properties(property(KEY, 'def')) })).body.isRead, false);
    assert.deepEqual((await simulation.call('GET', byKey('abc'))).body.value, []);
    assert.equal((await simulation.call('GET', byKey('def'))).body.value.length, 1);
  });

  test('takes a small attachment', async (t) => {
    const { simulation, id } = await opened(t, { ...archived, attachments: [] });
    const added = await simulation.call('POST', `${USER}/messages/${id}/attachments`, {
      ...file('b.txt', 'later'),
      isInline: false,
      contentId: 'c1',
    });
    assert.equal(added.status, 201);
    assert.equal(added.body.contentId, 'c1');
    assert.equal((await simulation.call('GET', `${USER}/messages/${id}`)).body.hasAttachments, true);
    assert.equal((await simulation.call('POST', `${USER}/messages/${id}/attachments`, { name: 'b' })).status, 400);
  });

  test('takes an attachment below the limit only', async (t) => {
    const simulation = await openSimulation(t, { limits: { attachmentBytes: 100 } });
    const id = await create(simulation, {});
    const statusOf = async (bytes: number): Promise<number> =>
      (await simulation.call('POST', `${USER}/messages/${id}/attachments`, file('a', 'x'.repeat(bytes)))).status;
    assert.equal(await statusOf(99), 201);
    assert.equal(await statusOf(100), 413);
  });

  test('keeps every attachment of those that are added at the same time', async (t) => {
    const { simulation, id } = await opened(t, {});
    const names = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(names.map((name) => simulation.call('POST', `${USER}/messages/${id}/attachments`, file(name, name))));
    const { body } = await simulation.call('GET', `${USER}/messages/${id}/attachments`);
    assert.deepEqual(body.value.map((each: { name: string }) => each.name).sort(), names);
    for (const { name, contentBytes } of body.value) assert.equal(Buffer.from(contentBytes, 'base64').toString(), name);
  });

  test('keeps its id when it is moved with immutable ids, and only then', async (t) => {
    const { simulation, id } = await opened(t, archived);
    const moved = await simulation.call('POST', `${USER}/messages/${id}/move`, { destinationId: 'archive' });
    assert.equal(moved.status, 201);
    assert.equal(moved.body.id, id);
    assert.equal(moved.body.parentFolderId, (await simulation.call('GET', `${USER}/mailFolders/archive`)).body.id);
    assert.deepEqual((await simulation.call('GET', byKey('abc'))).body.value, []);
    assert.equal((await simulation.call('GET', byKey('abc').replace('inbox', 'archive'))).body.value.length, 1);
    assert.equal((await simulation.call('GET', `${USER}/messages/${id}/attachments`)).body.value[0].name, 'a.txt');
    assert.deepEqual(simulation.graph.requests.warnings, []);

    const again = await simulation.call('POST', `${USER}/messages/${id}/move`, { destinationId: 'inbox' }, { prefer: 'return=minimal' });
    assert.notEqual(again.body.id, id);
    assert.equal((await simulation.call('GET', `${USER}/messages/${id}`)).status, 404);
    assert.equal((await simulation.call('GET', `${USER}/messages/${again.body.id}`)).status, 200);
    assert.match(simulation.graph.requests.warnings.join(), /ImmutableId/);
  });

  test('does not move to an unknown folder', async (t) => {
    const { simulation, id } = await opened(t, archived);
    assert.equal(
      (await simulation.call('POST', `${USER}/messages/${id}/move`, { destinationId: 'nowhere' })).body.error.code,
      'ErrorItemNotFound',
    );
    assert.equal((await simulation.call('POST', `${USER}/messages/${id}/move`, { destination: 'archive' })).status, 400);
    assert.equal((await simulation.call('GET', byKey('abc'))).body.value.length, 1);
  });

  test('is gone when it is deleted, for its own mailbox only', async (t) => {
    const { simulation, id } = await opened(t, archived);
    assert.equal((await simulation.call('DELETE', `/users/ben@contoso.example/messages/${id}`)).status, 404);
    assert.equal((await simulation.call('DELETE', `${USER}/messages/${id}`)).status, 204);
    assert.equal((await simulation.call('GET', `${USER}/messages/${id}`)).status, 404);
    assert.deepEqual((await simulation.call('GET', byKey('abc'))).body.value, []);
  });
});

test('the id of a message is compared to the letter', async (t) => {
  const simulation = await openSimulation(t);
  const id = await create(simulation);
  const swapped = id.toUpperCase();
  assert.notEqual(swapped, id);
  assert.equal((await simulation.call('GET', `${USER}/messages/${swapped}`)).status, 404);
});
