/**
 * Whether the security checks find what they are for: each property is broken in a copy of the Bicep text and its check must say so.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { bicepCli, inCopy, skipWithout, type Deployment } from './bicep.ts';
import { startBicepServer, type BicepServer } from './bicep-server.ts';
import { privateNetworkChecks, securityChecks } from './check-deployment.ts';
import { mutations, type Mutation } from './mutations.ts';

const checks = [...securityChecks, ...privateNetworkChecks];

/** Applies one mutation to a copy and evaluates it; what is logged without reads and writes only shows in dev. */
async function evaluateMutated(server: BicepServer, { file, from, to }: Mutation): Promise<Deployment> {
  return inCopy(async (folder) => {
    const path = join(folder, file);
    const parts = (await readFile(path, 'utf8')).split(from);
    assert.equal(parts.length, 2, `${file} must hold exactly once: ${from}`);
    await writeFile(path, parts.join(to));
    // The lint rules would refuse some of the breaks before a check sees them.
    await rm(join(folder, 'bicepconfig.json'));
    return server.evaluate(folder, from.includes(": ['StorageDelete']") ? 'dev' : 'prod');
  });
}

describe('a broken security property is found', { skip: skipWithout(bicepCli, 'the Bicep CLI') }, () => {
  let server: BicepServer;
  before(() => {
    server = startBicepServer();
  });
  after(() => server.close());

  for (const mutation of mutations) {
    const change = `${mutation.file}: ${mutation.from} → ${mutation.to}`.replaceAll(/\s+/g, ' ');
    test(`${mutation.breaks} (${change})`, async () => {
      const check = checks.find(({ name }) => name === mutation.breaks);
      assert.ok(check, `there is no check called ${mutation.breaks}`);
      assert.notDeepEqual(check.findings(await evaluateMutated(server, mutation)), []);
    });
  }

  test('there is a mutation for every check', () => {
    const broken = new Set(mutations.map(({ breaks }) => breaks));
    assert.deepEqual(
      checks.map(({ name }) => name).filter((name) => !broken.has(name)),
      [],
    );
  });
});
