/**
 * Ways to break each security property in the Bicep text; each must be found by the check that is named.
 *
 * @module
 */

/** One break: the only place where `from` stands in the file becomes `to`. */
export interface Mutation {
  readonly breaks: string;
  /** File below infra/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const storage = 'modules/storage.bicep';
const access = 'modules/access.bicep';
const vault = 'modules/vault.bicep';
const app = 'modules/app.bicep';
const signIn = 'modules/sign-in.bicep';
const monitor = 'modules/monitor.bicep';
const network = 'modules/network.bicep';

function mutation(breaks: string, file: string, from: string, to: string): Mutation {
  return { breaks, file, from, to };
}

const grants = 'every right is one that is meant, on the one resource that needs it';
const held = 'items and audit cannot be changed, and nothing else is held';
const versions = 'blobs have versions and come back after a deletion';
const cool = 'items move to the cool tier and no rule deletes evidence';
const secret = 'the password is only in the vault';
const telemetry = 'telemetry takes no key, and none of it is sampled away';
const signedIn = 'nobody calls the app without signing in';
const https = 'the app speaks https only and is not published with a password';
const identity = 'the app acts as its own identity everywhere';
const logged = 'what happens to evidence and secrets is logged';
const keeps = 'the vault asks for roles and keeps what is deleted';
const closed = 'storage and vault are closed to the internet';
const inside = 'the app reaches storage and vault inside the network';
const onlyApp = 'only the app reaches the private endpoints';

/** All of them. */
export const mutations: readonly Mutation[] = [
  mutation('storage has no shared keys', storage, 'allowSharedKeyAccess: false', 'allowSharedKeyAccess: true'),
  mutation('storage has no shared keys', storage, '    allowSharedKeyAccess: false\n', ''),
  mutation('storage speaks TLS 1.2 and https only', storage, "'TLS1_2'", "'TLS1_0'"),
  mutation('storage speaks TLS 1.2 and https only', storage, 'supportsHttpsTrafficOnly: true', 'supportsHttpsTrafficOnly: false'),
  mutation('no blob is public', storage, 'allowBlobPublicAccess: false', 'allowBlobPublicAccess: true'),
  mutation(
    'no blob is public',
    storage,
    "name: container.name\n    properties: {\n      publicAccess: 'None'",
    "name: container.name\n    properties: {\n      publicAccess: 'Blob'",
  ),
  mutation('storage is not copied into another tenant', storage, 'allowCrossTenantReplication: false', 'allowCrossTenantReplication: true'),
  mutation('storage is encrypted twice', storage, 'requireInfrastructureEncryption: true', 'requireInfrastructureEncryption: false'),
  mutation(versions, storage, 'isVersioningEnabled: true', 'isVersioningEnabled: false'),
  mutation(versions, storage, 'allowPermanentDelete: false', 'allowPermanentDelete: true'),
  mutation(versions, 'main.bicep', 'softDeleteDays: softDeleteDays', 'softDeleteDays: 1'),
  mutation(held, storage, "name: 'audit'\n    appends: true", "name: 'audit'\n    appends: false"),
  mutation(held, storage, "name: 'items'\n    appends: false", "name: 'items'\n    appends: true"),
  mutation(held, storage, 'if (!retentionLocked)', 'if (retentionLocked)'),
  mutation(held, storage, 'immutabilityPeriodSinceCreationInDays: retentionDays', 'immutabilityPeriodSinceCreationInDays: 0'),
  mutation(cool, storage, "'items/'", "'reports/'"),
  mutation(cool, storage, "map(containers, container => '${container}/')", "['']"),
  mutation(grants, access, 'scope: containers[index]', 'scope: account'),
  mutation(grants, access, "container: 'items'\n    role: blobDataContributor", "container: 'items'\n    role: blobDataOwner"),
  mutation(grants, access, "container: 'config'\n    role: blobDataReader", "container: 'config'\n    role: blobDataContributor"),
  mutation(grants, access, 'scope: queueScopes[index]', 'scope: account'),
  mutation(grants, access, '  scope: vault::password', '  scope: vault'),
  mutation(grants, access, '  scope: insights\n', ''),
  mutation(grants, access, '4633458b-17de-408a-b874-0445c86b69e6', '00482a5a-887f-4fb3-b363-3b7fe8e74483'),
  mutation(grants, 'modules/names.bicep', "  'failed-items-poison'\n", ''),
  mutation(keeps, vault, 'enableRbacAuthorization: true', 'enableRbacAuthorization: false\n    accessPolicies: []'),
  mutation(keeps, vault, 'enablePurgeProtection: true', 'enablePurgeProtection: null'),
  mutation(secret, vault, '@secure()\n', ''),
  mutation(
    secret,
    'main.bicep',
    "      GRAPH_AUTH: 'identity'",
    "      GRAPH_AUTH: 'identity'\n      TELEMESSAGE_PASSWORD_COPY: teleMessagePassword",
  ),
  mutation(secret, app, "'@Microsoft.KeyVault(SecretUri=${passwordSecretUri})'", "'password in clear'"),
  mutation(identity, app, "AzureWebJobsStorage__credential: 'managedidentity'", "AzureWebJobsStorage__credential: ''"),
  mutation(identity, app, '    keyVaultReferenceIdentity: identityId\n', ''),
  mutation(identity, app, "type: 'UserAssigned'\n", "type: 'SystemAssigned, UserAssigned'\n"),
  mutation(signedIn, signIn, 'requireAuthentication: true', 'requireAuthentication: false'),
  mutation(signedIn, signIn, "'Return401'", "'AllowAnonymous'"),
  mutation(signedIn, signIn, 'requireAuthentication: true\n', "requireAuthentication: true\n        excludedPaths: ['/api/reports']\n"),
  mutation(signedIn, signIn, '${tenant().tenantId}', 'common'),
  mutation(signedIn, signIn, 'allowedApplications: allowedClients', 'allowedApplications: take(allowedClients, 0)'),
  mutation(https, app, 'httpsOnly: true', 'httpsOnly: false'),
  mutation(https, app, "minTlsVersion: '1.2'\n      scm", "minTlsVersion: '1.0'\n      scm"),
  mutation(https, app, "name: 'scm'\n    properties: {\n      allow: false", "name: 'scm'\n    properties: {\n      allow: true"),
  mutation(telemetry, monitor, 'DisableLocalAuth: true', 'DisableLocalAuth: false'),
  mutation(telemetry, monitor, 'disableLocalAuth: true', 'disableLocalAuth: false'),
  mutation(telemetry, monitor, 'SamplingPercentage: 100', 'SamplingPercentage: 50'),
  mutation('alerts read metrics, which are never sampled', 'queries/alerts/sign-in-refused.kql', 'AppMetrics', 'AppTraces'),
  mutation(logged, vault, "category: 'AuditEvent'\n        enabled: true", "category: 'AuditEvent'\n        enabled: false"),
  mutation(logged, storage, ": ['StorageDelete']", ': []'),
  mutation(logged, storage, "'StorageWrite', 'StorageDelete']", "'StorageWrite']"),
  mutation(closed, storage, "? 'Disabled' : 'Enabled'", "? 'Enabled' : 'Enabled'"),
  mutation(closed, vault, "? 'Deny' : 'Allow'", "? 'Allow' : 'Allow'"),
  mutation(inside, network, "group: 'table'", "group: 'file'"),
  mutation(inside, 'main.bicep', "subnetId: privateNetwork ? network!.outputs.functionsSubnetId : ''", "subnetId: ''"),
  mutation(onlyApp, network, 'sourceAddressPrefix: cidrSubnet(addressPrefix, 27, 0)', "sourceAddressPrefix: '*'"),
  mutation(onlyApp, network, "privateEndpointNetworkPolicies: 'Enabled'", "privateEndpointNetworkPolicies: 'Disabled'"),
];
