/**
 * The security properties of rights, secrets and identity.
 *
 * @module
 */
import type { Deployment } from './bicep.ts';
import { appSettings, at, ofType, roleGrants } from './read-resources.ts';
import { difference, expectValues, type SecurityCheck } from './security-check.ts';

/** Every right that the deployment may give; anything else is a finding, and so is one that is missing. */
const allowedGrants: readonly string[] = [
  ...['azure-webjobs-hosts', 'azure-webjobs-secrets'].map(
    (name) => `app: Storage Blob Data Owner on storage/blobServices/containers/${name}`,
  ),
  ...['deployments', 'items', 'audit', 'reports'].map(
    (name) => `app: Storage Blob Data Contributor on storage/blobServices/containers/${name}`,
  ),
  'app: Storage Blob Data Reader on storage/blobServices/containers/config',
  ...['download-items', 'import-items', 'download-items-poison', 'import-items-poison'].map(
    (name) => `app: Storage Queue Data Contributor on storage/queueServices/queues/${name}`,
  ),
  ...['unmapped-items-poison', 'oversize-items-poison', 'failed-items-poison'].map(
    (name) => `app: Storage Queue Data Contributor on storage/queueServices/queues/${name}`,
  ),
  ...['runs', 'items', 'deliveries', 'content'].map(
    (name) => `app: Storage Table Data Contributor on storage/tableServices/tables/${name}`,
  ),
  'app: Key Vault Secrets User on key vault/secrets/telemessage-password',
  'app: Monitoring Metrics Publisher on Application Insights',
  'operators: Storage Blob Data Contributor on storage/blobServices/containers/config',
  'operators: Storage Blob Data Reader on storage/blobServices/containers/reports',
];

const apps = (deployment: Deployment) => ofType(deployment, 'Microsoft.Web/sites');

/** Parameters with the password that Azure would show in the history of deployments, of the template and of all modules in it. */
function insecurePasswords(template: unknown): readonly string[] {
  if (typeof template !== 'object' || template === null) return [];
  return Object.entries(template).flatMap(([key, value]: [string, unknown]) =>
    key === 'teleMessagePassword' && at(value, 'type') !== undefined && at(value, 'type') !== 'securestring'
      ? ['a parameter with the password is not secure']
      : insecurePasswords(value),
  );
}

/** Of every deployment. */
export const accessChecks: readonly SecurityCheck[] = [
  {
    name: 'every right is one that is meant, on the one resource that needs it',
    findings: (deployment) =>
      difference(
        roleGrants(deployment).map(({ who, role, scope }) => `${who}: ${role} on ${scope}`),
        allowedGrants,
      ),
  },
  {
    name: 'the vault asks for roles and keeps what is deleted',
    findings: (deployment) =>
      expectValues(ofType(deployment, 'Microsoft.KeyVault/vaults'), {
        'properties.enableRbacAuthorization': true,
        'properties.enablePurgeProtection': true,
        'properties.enableSoftDelete': true,
        'properties.enabledForTemplateDeployment': false,
      }),
  },
  {
    name: 'the password is only in the vault',
    findings: (deployment) => [
      ...insecurePasswords(deployment.template),
      ...expectValues(
        ofType(deployment, 'Microsoft.KeyVault/vaults/secrets'),
        // A secure parameter stays a parameter in the evaluated template; anything else would be there in clear.
        { 'properties.value': "[parameters('teleMessagePassword')]" },
      ),
      ...(JSON.stringify(deployment).includes('canary-password') ? ['the password stands in the template'] : []),
      ...Object.entries(appSettings(deployment))
        .filter(([name, value]) => name === 'TELEMESSAGE_PASSWORD' && !/@Microsoft\.KeyVault\(SecretUri=.*telemessage-password/.test(value))
        .map(([name]) => `${name} is not a reference to the vault`),
      ...Object.entries(appSettings(deployment))
        .filter(([, value]) => /AccountKey=|SharedAccessSignature=|listKeys\(|parameters\('/i.test(value))
        .map(([name]) => `${name} holds a secret`),
    ],
  },
  {
    name: 'the app acts as its own identity everywhere',
    findings: (deployment) => [
      ...expectValues(apps(deployment), {
        'identity.type': 'UserAssigned',
        'properties.functionAppConfig.deployment.storage.authentication.type': 'UserAssignedIdentity',
      }),
      ...apps(deployment).flatMap((app) => {
        const identities = Object.keys(at(app, 'identity.userAssignedIdentities') ?? {});
        const used = [
          at(app, 'properties.keyVaultReferenceIdentity'),
          at(app, 'properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId'),
        ];
        return identities.length === 1 && used.every((id) => id === identities[0])
          ? []
          : ['the app does not act as one and the same identity'];
      }),
      ...(appSettings(deployment)['AzureWebJobsStorage__credential'] === 'managedidentity'
        ? []
        : ['storage is not asked with the identity']),
    ],
  },
];
