/**
 * How the simulated Graph answers requests for mail folders.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openSimulation, send } from '../../local/graph/testing.ts';

const FOLDERS = '/users/ada@contoso.example/mailFolders';
const named = (name: string): string => `${FOLDERS}?$filter=${encodeURIComponent(`displayName eq '${name}'`)}&$select=id,displayName`;

describe('a mailbox', () => {
  test('is there where its inbox is', async (t) => {
    const { call } = await openSimulation(t);
    const answer = await call('GET', `${FOLDERS}/inbox?$select=id`);
    assert.equal(answer.status, 200);
    assert.deepEqual(Object.keys(answer.body), ['id']);
  });

  for (const [method, path] of [
    ['GET', '/mailFolders/inbox?$select=id'],
    ['GET', '/mailFolders'],
    ['POST', '/mailFolders/inbox/messages'],
    ['GET', '/messages/x'],
  ] as const) {
    test(`of a user without one is not enabled, and of nobody invalid: ${method} ${path}`, async (t) => {
      const { call } = await openSimulation(t);
      const without = await call(method, `/users/nolicence@contoso.example${path}`);
      assert.equal(without.status, 404);
      assert.equal(without.body.error.code, 'MailboxNotEnabledForRESTAPI');
      const nobody = await call(method, `/users/nobody@contoso.example${path}`);
      assert.equal(nobody.status, 404);
      assert.equal(nobody.body.error.code, 'ErrorInvalidUser');
    });
  }
});

describe('a list of folders', () => {
  test('has ten on a page, so that a created folder is found on the next page or by its name only', async (t) => {
    const { call } = await openSimulation(t);
    const created = await call('POST', FOLDERS, { displayName: 'Enterprise Number Archiver' });
    assert.equal(created.status, 201);
    const first = await call('GET', FOLDERS);
    assert.equal(first.body.value.length, 10);
    assert.ok(!first.body.value.some((folder: { id: string }) => folder.id === created.body.id));
    const { body: rest } = await send('GET', first.body['@odata.nextLink']);
    assert.equal(rest.value.at(-1).id, created.body.id);
    assert.ok(!('@odata.nextLink' in rest));
    assert.deepEqual((await call('GET', named('enterprise number archiver'))).body.value, [
      { id: created.body.id, displayName: 'Enterprise Number Archiver' },
    ]);
    assert.equal((await call('GET', `${FOLDERS}?$top=100`)).body.value.length, 12);
  });

  test('shows hidden folders only to who asks for them', async (t) => {
    const { call } = await openSimulation(t);
    await call('POST', FOLDERS, { displayName: 'Staging', isHidden: true });
    assert.deepEqual((await call('GET', named('Staging'))).body.value, []);
    const shown = await call('GET', `${named('Staging')}&includeHiddenFolders=true`);
    assert.equal(shown.body.value.length, 1);
  });

  test('by another filter is refused', async (t) => {
    const { call } = await openSimulation(t);
    assert.equal((await call('GET', `${FOLDERS}?$filter=${encodeURIComponent("startswith(displayName,'E')")}`)).status, 400);
    assert.equal((await call('GET', `${FOLDERS}?$top=0`)).status, 400);
    assert.equal((await call('GET', `${FOLDERS}?$orderby=displayName`)).status, 400);
  });
});

describe('a folder', () => {
  test('is created once, whatever the case and however many create it at the same time', async (t) => {
    const { call } = await openSimulation(t);
    const answers = await Promise.all(['Archive X', 'ARCHIVE X', 'archive x'].map((displayName) => call('POST', FOLDERS, { displayName })));
    assert.deepEqual(
      answers.map((answer) => answer.status).sort((a, b) => a - b),
      [201, 409, 409],
    );
    const refused = answers.find((answer) => answer.status === 409);
    assert.equal(refused?.body.error.code, 'ErrorFolderExists');
    assert.equal((await call('POST', FOLDERS, { displayName: 'INBOX' })).status, 409);
  });

  for (const body of [{}, { displayName: '' }, { displayName: 7 }, { displayName: 'x', isHidden: 'yes' }, { displayName: 'x', id: 'y' }]) {
    test(`with a wrong body is refused: ${JSON.stringify(body)}`, async (t) => {
      const { call } = await openSimulation(t);
      assert.equal((await call('POST', FOLDERS, body)).status, 400);
    });
  }

  test('that is moved keeps its id and its messages, leaves the list, and can be walked up from', async (t) => {
    const { call } = await openSimulation(t);
    const [{ body: folder }, { body: above }] = [
      await call('POST', FOLDERS, { displayName: 'Archive X' }),
      await call('POST', FOLDERS, { displayName: 'Old' }),
    ];
    const { body: message } = await call('POST', `${FOLDERS}/${folder.id}/messages`, { subject: 'x' });
    assert.equal((await call('POST', `${FOLDERS}/${folder.id}/move`, { destinationId: above.id })).status, 201);
    const moved = await call('POST', `${FOLDERS}/${above.id}/move`, { destinationId: 'deleteditems' });
    assert.deepEqual([moved.status, moved.body.id, moved.body.childFolderCount], [201, above.id, 1]);
    assert.deepEqual((await call('GET', named('Archive X'))).body.value, []);
    const { parentFolderId } = (await call('GET', `/users/ada@contoso.example/messages/${message.id}`)).body;
    const path = [parentFolderId];
    for (let at = await call('GET', `${FOLDERS}/${parentFolderId}`); at.status === 200; at = await call('GET', `${FOLDERS}/${path.at(-1)}`))
      path.push(at.body.parentFolderId);
    const idOf = async (name: string): Promise<string> => (await call('GET', `${FOLDERS}/${name}`)).body.id;
    assert.deepEqual(path.slice(0, 4), [folder.id, above.id, await idOf('deleteditems'), await idOf('msgfolderroot')]);
  });

  test('that is moved makes room for another one of its name, and both are there after a restart', async (t) => {
    const simulation = await openSimulation(t);
    const { body: old } = await simulation.call('POST', FOLDERS, { displayName: 'Archive X' });
    await simulation.call('POST', `${FOLDERS}/${old.id}/messages`, { subject: 'old' });
    await simulation.call('POST', `${FOLDERS}/${old.id}/move`, { destinationId: 'deleteditems' });
    const { status, body: made } = await simulation.call('POST', FOLDERS, { displayName: 'Archive X' });
    assert.equal(status, 201);
    await simulation.call('POST', `${FOLDERS}/${made.id}/messages`, { subject: 'new' });
    const { call } = await simulation.restart();
    for (const [id, subject, parent] of [
      [old.id, 'old', 'deleteditems'],
      [made.id, 'new', 'msgfolderroot'],
    ]) {
      const { value } = (await call('GET', `${FOLDERS}/${id}/messages?$select=subject`)).body;
      assert.deepEqual(
        value.map((message: { subject: string }) => message.subject),
        [subject],
      );
      assert.equal((await call('GET', `${FOLDERS}/${id}`)).body.parentFolderId, (await call('GET', `${FOLDERS}/${parent}`)).body.id);
    }
    assert.deepEqual((await call('GET', named('Archive X'))).body.value, [{ id: made.id, displayName: 'Archive X' }]);
    const clash = await call('POST', `${FOLDERS}/${made.id}/move`, { destinationId: 'deleteditems' });
    assert.deepEqual([clash.status, clash.body.error.code], [409, 'ErrorFolderExists']);
  });

  test('does not move into itself, into a folder below it, out of every mailbox or to nowhere', async (t) => {
    const { call } = await openSimulation(t);
    const { body: above } = await call('POST', FOLDERS, { displayName: 'Above' });
    const { body: below } = await call('POST', FOLDERS, { displayName: 'Below' });
    await call('POST', `${FOLDERS}/${below.id}/move`, { destinationId: above.id });
    const move = async (id: string, body: object): Promise<string> => {
      const answer = await call('POST', `${FOLDERS}/${id}/move`, body);
      return `${answer.status} ${answer.body.error?.code}`;
    };
    assert.equal(await move(above.id, { destinationId: above.id }), '400 ErrorMoveCopyFailed');
    assert.equal(await move(above.id, { destinationId: below.id }), '400 ErrorMoveCopyFailed');
    assert.equal(await move('inbox', { destinationId: above.id }), '403 ErrorMoveDistinguishedFolder');
    assert.equal(await move(above.id, { destinationId: 'nowhere' }), '404 ErrorItemNotFound');
    assert.equal(await move(above.id, { destination: 'inbox' }), '400 RequestBodyRead');
  });

  test('that is deleted is gone with its messages; the folders of every mailbox stay', async (t) => {
    const { call } = await openSimulation(t);
    const { body: folder } = await call('POST', FOLDERS, { displayName: 'Old' });
    const { body: message } = await call('POST', `${FOLDERS}/${folder.id}/messages`, { subject: 'x' });
    assert.equal((await call('GET', `${FOLDERS}/${folder.id}`)).body.totalItemCount, 1);
    assert.equal((await call('DELETE', `${FOLDERS}/${folder.id}`)).status, 204);
    for (const path of [
      `${FOLDERS}/${folder.id}`,
      `${FOLDERS}/${folder.id}/messages`,
      `/users/ada@contoso.example/messages/${message.id}`,
    ]) {
      const answer = await call('GET', path);
      assert.equal(answer.status, 404);
      assert.equal(answer.body.error.code, 'ErrorItemNotFound');
    }
    const distinguished = await call('DELETE', `${FOLDERS}/inbox`);
    assert.equal(distinguished.status, 403);
    assert.equal(distinguished.body.error.code, 'ErrorDeleteDistinguishedFolder');
  });
});
