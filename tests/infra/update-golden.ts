/**
 * Writes infra/golden and the generated part of docs/security.md anew: `node tests/infra/update-golden.ts`, then read the difference.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inCopy, infraFolder, takeSnapshot, type Deployment } from './bicep.ts';
import { describeDeployment, withDescription } from './describe-deployment.ts';

const document = join(infraFolder, '../docs/security.md');

for (const environment of ['prod', 'dev']) {
  const snapshot = await inCopy((folder) => takeSnapshot(folder, environment));
  await writeFile(join(infraFolder, `golden/${environment}.snapshot.json`), snapshot);
  if (environment === 'prod') {
    const description = describeDeployment(JSON.parse(snapshot) as Deployment);
    await writeFile(document, withDescription(await readFile(document, 'utf8'), description));
  }
  console.log(`infra/golden/${environment}.snapshot.json is written`);
}
