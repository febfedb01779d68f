/**
 * The Bicep files, compiled by the real CLI and evaluated with both parameter files.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { readSettings, settingNames } from '../../shared/config.ts';
import { containerNames, queueNames, tableNames } from '../../shared/storage/storage.ts';
import { bicep, bicepCli, inCopy, infraFolder, skipWithout, takeSnapshot, type Deployment } from './bicep.ts';
import { evaluate } from './bicep-server.ts';
import { privateNetworkChecks, securityChecks } from './check-deployment.ts';
import { describeDeployment, withDescription } from './describe-deployment.ts';
import { alertRules, appSettings, at, lastName, ofType, roleGrants } from './read-resources.ts';

const skip = skipWithout(bicepCli, 'the Bicep CLI');

/** What the host and the Azure SDK read, and not shared/config.ts. */
const platformSettings = [
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'AZURE_CLIENT_ID',
  'AzureWebJobsFeatureFlags',
  'AzureWebJobsStorage__credential',
];

const bicepFiles = [
  ...readdirSync(infraFolder).filter((name) => /\.bicep(param)?$/.test(name)),
  ...readdirSync(join(infraFolder, 'modules')).map((name) => join('modules', name)),
];

describe('the Bicep files', { skip }, () => {
  test('they compile without a warning, with every lint rule at error', async () => {
    const outcome = await inCopy((folder) => bicep(['build', join(folder, 'main.bicep'), '--outfile', join(folder, 'main.json')]));
    assert.deepEqual({ code: outcome.code, said: outcome.stdout + outcome.stderr }, { code: 0, said: '' });
  });

  test('they are formatted as bicep format does it', async () => {
    await inCopy(async (folder) => {
      const outcomes = await Promise.all(
        ['**/*.bicep', '*.bicepparam'].map((pattern) => bicep(['format', '--pattern', pattern], {}, folder)),
      );
      assert.deepEqual(
        outcomes.map(({ code }) => code),
        [0, 0],
      );
      for (const name of bicepFiles) {
        assert.equal(await readFile(join(folder, name), 'utf8'), await readFile(join(infraFolder, name), 'utf8'), name);
      }
    });
  });

  test('every parameter of every file says what it is for', async () => {
    const bare: string[] = [];
    for (const name of bicepFiles.filter((file) => file.endsWith('.bicep'))) {
      const paragraphs = (await readFile(join(infraFolder, name), 'utf8')).split('\n\n');
      const parameters = paragraphs.filter((paragraph) => /^param /m.test(paragraph));
      bare.push(...parameters.filter((paragraph) => !paragraph.includes("@description('")).map((paragraph) => `${name}: ${paragraph}`));
      // One parameter a paragraph, or a second one would hide behind the first one's description.
      assert.deepEqual(
        parameters.filter((paragraph) => (paragraph.match(/^param /gm) ?? []).length > 1),
        [],
      );
    }
    assert.deepEqual(bare, []);
  });
});

for (const environment of ['prod', 'dev']) {
  describe(`the deployment of ${environment}.bicepparam`, { skip }, () => {
    let deployment: Deployment;
    before(async () => {
      deployment = await evaluate(infraFolder, environment);
    });

    test('it is the one in infra/golden (after a change that is meant: node tests/infra/update-golden.ts)', async () => {
      const text = await inCopy((folder) => takeSnapshot(folder, environment));
      const golden = (await readFile(join(infraFolder, `golden/${environment}.snapshot.json`), 'utf8')).split('\n');
      const differing = text.split('\n').findIndex((line, index) => line !== golden[index]);
      assert.deepEqual({ line: differing, is: text.split('\n')[differing] }, { line: -1, is: undefined });
      assert.equal(golden.length, text.split('\n').length);
    });

    for (const check of [...securityChecks, ...(environment === 'prod' ? privateNetworkChecks : [])]) {
      test(check.name, () => assert.deepEqual(check.findings(deployment), []));
    }

    test('the app gets every setting that shared/config.ts reads, and none that nobody reads', () => {
      // A connection string is for a local storage only: it holds a key.
      const expected = [...settingNames.filter((name) => name !== 'AzureWebJobsStorage'), ...platformSettings];
      assert.deepEqual(Object.keys(appSettings(deployment)).toSorted(), expected.toSorted());
    });

    test('shared/config.ts accepts the values', () => {
      const values = Object.entries(appSettings(deployment)).map(([name, value]) => [
        name,
        // Only Azure knows the ending of its own addresses.
        value.replace(/^\[format\('(.*?)', .*\]$/s, (_, format: string) =>
          format.replace('{0}', 'account').replace(/\{1\}.*/, 'core.windows.net'),
        ),
      ]);
      const settings = readSettings(Object.fromEntries(values) as Record<string, string>);
      assert.equal(settings.ARCHIVER.id, 'enterprise-number');
      assert.equal(settings.MAPPING_AUTOMATIC, true);
    });

    test('every container, queue and table that the app uses is there', () => {
      const names = (type: string) => new Set(ofType(deployment, type).map(lastName));
      const [containers, queues, tables] = [
        names('Microsoft.Storage/storageAccounts/blobServices/containers'),
        names('Microsoft.Storage/storageAccounts/queueServices/queues'),
        names('Microsoft.Storage/storageAccounts/tableServices/tables'),
      ];
      assert.deepEqual(
        containerNames.filter((name) => !containers.has(name)),
        [],
      );
      assert.deepEqual(
        Object.values(queueNames).filter((name) => !queues.has(name)),
        [],
      );
      assert.deepEqual(
        tableNames.filter((name) => !tables.has(name)),
        [],
      );
    });

    test('it runs on Node 22 on a Flex Consumption plan', () => {
      const app = ofType(deployment, 'Microsoft.Web/sites')[0];
      assert.deepEqual(at(app, 'properties.functionAppConfig.runtime'), { name: 'node', version: '22' });
      assert.deepEqual(at(ofType(deployment, 'Microsoft.Web/serverfarms')[0], 'sku'), { tier: 'FlexConsumption', name: 'FC1' });
    });

    test('there is an alert for each thing that needs a person, and every one reaches the action group', () => {
      assert.deepEqual(
        alertRules(deployment)
          .map(({ name }) => name)
          .toSorted(),
        [
          'audit-broken',
          'failure-share',
          'feed-silent',
          'items-parked',
          'no-complete-run',
          'parked-too-long',
          'reconciliation-loss',
          'sign-in-refused',
          'throttled',
        ],
      );
      for (const { name, resource } of alertRules(deployment)) {
        assert.equal(at(resource, 'properties.enabled'), true, name);
        assert.match(JSON.stringify(at(resource, 'properties.actions.actionGroups')), /ag-archiver-|actionGroupId/, name);
      }
      const people = ofType(deployment, 'Microsoft.Insights/actionGroups')[0];
      assert.equal(at(people, 'properties.emailReceivers.0.emailAddress'), 'operators@example.com');
    });

    test('every alert has a section in docs/operations.md, and its description leads there', async () => {
      const headings: readonly string[] =
        (await readFile(join(infraFolder, '../docs/operations.md'), 'utf8')).match(/(?<=^#+ )\S+$/gm) ?? [];
      for (const { name, description } of alertRules(deployment)) {
        assert.ok(headings.includes(name), `docs/operations.md has no section called ${name}`);
        assert.match(description, new RegExp(`docs/operations\\.md#${name}$`));
      }
    });
  });
}

describe('what an administrator chooses', { skip }, () => {
  test('without an Entra application nobody can sign in, and signing in is still asked for', async () => {
    const deployment = await evaluate(infraFolder, 'prod', { SIGN_IN_CLIENT_ID: '' });
    const signIn = ofType(deployment, 'Microsoft.Web/sites/config').find((config) => lastName(config) === 'authsettingsV2');
    assert.equal(at(signIn, 'properties.identityProviders.azureActiveDirectory.enabled'), false);
    assert.equal(at(signIn, 'properties.globalValidation.requireAuthentication'), true);
  });

  test('without a group of operators no right is given to a group', async () => {
    const deployment = await evaluate(infraFolder, 'prod', { OPERATOR_GROUP_ID: '' });
    assert.deepEqual(
      roleGrants(deployment).filter(({ who }) => who === 'operators'),
      [],
    );
    assert.equal(roleGrants(deployment).length, 20);
  });

  test('a locked retention is left alone', async () => {
    const deployment = await evaluate(infraFolder, 'prod', { RETENTION_LOCKED: 'true' });
    assert.deepEqual(ofType(deployment, 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies'), []);
  });

  test('the addresses of the operators, and no others, reach app, storage and vault from outside', async () => {
    const deployment = await evaluate(infraFolder, 'prod', { OPERATOR_IP_RANGES: '203.0.113.7/32,198.51.100.0/24' });
    const [storage, vault, app] = ['Microsoft.Storage/storageAccounts', 'Microsoft.KeyVault/vaults', 'Microsoft.Web/sites'].map(
      (type) => ofType(deployment, type)[0],
    );
    assert.deepEqual(at(storage, 'properties.networkAcls'), {
      bypass: 'None',
      defaultAction: 'Deny',
      // Storage refuses a /32.
      ipRules: [
        { value: '203.0.113.7', action: 'Allow' },
        { value: '198.51.100.0/24', action: 'Allow' },
      ],
    });
    assert.equal(at(vault, 'properties.networkAcls.defaultAction'), 'Deny');
    assert.equal(at(app, 'properties.siteConfig.ipSecurityRestrictionsDefaultAction'), 'Deny');
    assert.equal(at(app, 'properties.siteConfig.ipSecurityRestrictions.1.ipAddress'), '198.51.100.0/24');
  });
});

describe('docs/security.md', { skip }, () => {
  test('its list of resources and rights is that of the template (otherwise: node tests/infra/update-golden.ts)', async () => {
    const document = await readFile(join(infraFolder, '../docs/security.md'), 'utf8');
    assert.equal(document, withDescription(document, describeDeployment(await evaluate(infraFolder, 'prod'))));
  });
});
