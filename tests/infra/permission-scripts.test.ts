/**
 * The scripts that give the identity its directory right and register the sign-in, with a stand-in for `az`.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { infraFolder, run, type Outcome } from './bicep.ts';
import { graphPrincipal, type Directory } from './fake-az.ts';

const IDENTITY = '77777777-7777-7777-7777-777777777777';
const READERS = '88888888-8888-8888-8888-888888888881';
const OPERATORS = '88888888-8888-8888-8888-888888888882';
const USER_READ_ALL = 'df021288-bdef-4463-88db-98f22de89214';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'archiver-az-'));
  await writeFile(join(folder, 'az'), `#!/bin/sh\nexec "${process.execPath}" "${join(import.meta.dirname, 'fake-az.ts')}" "$@"\n`);
  await chmod(join(folder, 'az'), 0o755);
  await put({ applications: [], principals: [], assignments: [], writes: [] });
});
afterEach(() => rm(folder, { recursive: true }));

async function put(directory: Directory): Promise<void> {
  await writeFile(join(folder, 'directory.json'), JSON.stringify(directory));
}

async function directory(): Promise<Directory> {
  return JSON.parse(await readFile(join(folder, 'directory.json'), 'utf8')) as Directory;
}

async function script(name: string, ...args: string[]): Promise<Outcome> {
  return run('bash', [join(infraFolder, name), ...args], {
    env: { PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}`, FAKE_AZ_DIRECTORY: join(folder, 'directory.json') },
  });
}

/** Runs a script that must succeed and gives the number of changes it made. */
async function changesOf(name: string, ...args: string[]): Promise<number> {
  const before = (await directory()).writes.length;
  const outcome = await script(name, ...args);
  assert.equal(outcome.code, 0, outcome.stderr);
  return (await directory()).writes.length - before;
}

describe('grant-directory-read.sh', () => {
  test('it gives the identity User.Read.All of Microsoft Graph, and a second run changes nothing', async () => {
    assert.equal(await changesOf('grant-directory-read.sh', '--identity', IDENTITY), 1);
    assert.deepEqual(
      (await directory()).assignments.map(({ principalId, resourceId, appRoleId }) => ({ principalId, resourceId, appRoleId })),
      [{ principalId: IDENTITY, resourceId: graphPrincipal, appRoleId: USER_READ_ALL }],
    );
    assert.equal(await changesOf('grant-directory-read.sh', '--identity', IDENTITY), 0);
  });

  test('a dry run says what it would do and changes nothing', async () => {
    const outcome = await script('grant-directory-read.sh', '--identity', IDENTITY, '--dry-run');
    assert.equal(outcome.stdout, 'Would give the identity User.Read.All.\n');
    assert.deepEqual((await directory()).writes, []);
  });

  test('undo takes away that right and no other, and undo again changes nothing', async () => {
    const other = { id: 'other', principalId: IDENTITY, resourceId: graphPrincipal, appRoleId: 'another-role' };
    await put({ ...(await directory()), assignments: [other] });
    await changesOf('grant-directory-read.sh', '--identity', IDENTITY);
    assert.equal(await changesOf('grant-directory-read.sh', '--identity', IDENTITY, '--undo', '--dry-run'), 0);
    assert.equal(await changesOf('grant-directory-read.sh', '--identity', IDENTITY, '--undo'), 1);
    assert.deepEqual((await directory()).assignments, [other]);
    assert.equal(await changesOf('grant-directory-read.sh', '--identity', IDENTITY, '--undo'), 0);
  });

  for (const args of [[], ['--identity'], ['--identity', "x' || 'a'=='a"], ['--identity', IDENTITY, '--force']]) {
    test(`it refuses the arguments ${JSON.stringify(args)} before it asks az for anything`, async () => {
      await rm(join(folder, 'directory.json'));
      const outcome = await script('grant-directory-read.sh', ...args);
      assert.equal(outcome.code, 2);
      assert.match(outcome.stderr, /usage|expects/);
    });
  }
});

describe('register-sign-in.sh', () => {
  const all = ['register-sign-in.sh', '--readers', READERS, '--operators', OPERATORS] as const;

  test('it registers the application with its two roles and gives them to the groups; a second run changes nothing', async () => {
    const outcome = await script(...all);
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.match(outcome.stdout, /^SIGN_IN_CLIENT_ID=55555555-5555-5555-5555-555555555555$/m);

    const { applications, principals, assignments } = await directory();
    const roles = applications[0]!.definition['appRoles'] as { id: string; value: string; displayName: string }[];
    assert.deepEqual(
      roles.map(({ value, displayName }) => [value, displayName]),
      [
        ['Archive.Reader', 'Archive Reader'],
        ['Archive.Operator', 'Archive Operator'],
      ],
    );
    assert.deepEqual(applications[0]!.preAuthorized, ['04b07795-8ddb-461a-bbee-02f9e1bf7b46']);
    assert.equal(principals[0]!.assignmentRequired, true);
    assert.deepEqual(
      assignments.map(({ principalId, appRoleId }) => [principalId, appRoleId]),
      [
        [READERS, roles[0]!.id],
        [OPERATORS, roles[1]!.id],
      ],
    );
    assert.equal(await changesOf(...all), 0);
  });

  test('a dry run changes nothing, whatever is there already', async () => {
    assert.equal(await changesOf(...all, '--dry-run'), 0);
    await changesOf('register-sign-in.sh');
    const outcome = await script(...all, '--dry-run');
    assert.match(outcome.stdout, /Would give the group .* the role Archive Operator/);
    assert.deepEqual((await directory()).assignments, []);
  });

  test('what somebody changed by hand is put right', async () => {
    await changesOf(...all);
    const changed = await directory();
    changed.applications[0]!.definition['appRoles'] = [];
    changed.principals[0]!.assignmentRequired = false;
    await put(changed);
    assert.equal(await changesOf(...all), 2);
    assert.equal((await directory()).principals[0]!.assignmentRequired, true);
  });

  test('undo removes the application, and undo again changes nothing', async () => {
    await changesOf(...all);
    assert.equal(await changesOf('register-sign-in.sh', '--undo', '--dry-run'), 0);
    assert.equal(await changesOf('register-sign-in.sh', '--undo'), 1);
    assert.deepEqual((await directory()).applications, []);
    assert.equal(await changesOf('register-sign-in.sh', '--undo'), 0);
  });

  test('two applications of one name are left alone', async () => {
    const application = { displayName: 'Enterprise Number Archiver', definition: {}, preAuthorized: [] };
    await put({
      ...(await directory()),
      applications: [
        { ...application, appId: 'a' },
        { ...application, appId: 'b' },
      ],
    });
    const outcome = await script('register-sign-in.sh', '--undo');
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /more than one application/);
    assert.equal((await directory()).applications.length, 2);
  });

  for (const args of [['--name', "x' or displayName ne '"], ['--readers', 'everybody'], ['--operators'], ['--yes']]) {
    test(`it refuses the arguments ${JSON.stringify(args)} before it asks az for anything`, async () => {
      await rm(join(folder, 'directory.json'));
      const outcome = await script('register-sign-in.sh', ...args);
      assert.equal(outcome.code, 2);
      assert.match(outcome.stderr, /expects|unknown option/);
    });
  }
});
