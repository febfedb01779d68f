/**
 * The security properties of the storage account.
 *
 * @module
 */
import type { Deployment } from './bicep.ts';
import { at, listAt, ofType } from './read-resources.ts';
import { difference, expectValues, type SecurityCheck } from './security-check.ts';

const storage = (deployment: Deployment) => ofType(deployment, 'Microsoft.Storage/storageAccounts');
const blobService = (deployment: Deployment) => ofType(deployment, 'Microsoft.Storage/storageAccounts/blobServices');

/** Of every deployment. */
export const storageChecks: readonly SecurityCheck[] = [
  {
    name: 'storage has no shared keys',
    findings: (deployment) => expectValues(storage(deployment), { 'properties.allowSharedKeyAccess': false }),
  },
  {
    name: 'storage speaks TLS 1.2 and https only',
    findings: (deployment) =>
      expectValues(storage(deployment), { 'properties.minimumTlsVersion': 'TLS1_2', 'properties.supportsHttpsTrafficOnly': true }),
  },
  {
    name: 'no blob is public',
    findings: (deployment) => [
      ...expectValues(storage(deployment), { 'properties.allowBlobPublicAccess': false }),
      ...expectValues(ofType(deployment, 'Microsoft.Storage/storageAccounts/blobServices/containers'), {
        'properties.publicAccess': 'None',
      }),
    ],
  },
  {
    name: 'storage is not copied into another tenant',
    findings: (deployment) => expectValues(storage(deployment), { 'properties.allowCrossTenantReplication': false }),
  },
  {
    name: 'storage is encrypted twice',
    findings: (deployment) => expectValues(storage(deployment), { 'properties.encryption.requireInfrastructureEncryption': true }),
  },
  {
    name: 'blobs have versions and come back after a deletion',
    findings: (deployment) => [
      ...expectValues(blobService(deployment), {
        'properties.isVersioningEnabled': true,
        'properties.deleteRetentionPolicy.enabled': true,
        'properties.deleteRetentionPolicy.allowPermanentDelete': false,
        'properties.containerDeleteRetentionPolicy.enabled': true,
      }),
      ...blobService(deployment)
        .flatMap((service) =>
          ['deleteRetentionPolicy', 'containerDeleteRetentionPolicy'].map((policy) => at(service, `properties.${policy}.days`)),
        )
        .filter((days) => !(Number(days) >= 7))
        .map((days) => `deleted blobs are kept for ${String(days)} days, expected at least 7`),
    ],
  },
  {
    name: 'items and audit cannot be changed, and nothing else is held',
    findings: (deployment) => {
      const policies = ofType(deployment, 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies').map(
        (policy) => ({
          container: policy.name.split('/').at(-2),
          days: at(policy, 'properties.immutabilityPeriodSinceCreationInDays'),
          appends: at(policy, 'properties.allowProtectedAppendWrites'),
        }),
      );
      const found = policies.map(({ container, days, appends }) => `${container}, appends ${String(appends)}, held ${Number(days) >= 1}`);
      const expected = ['items, appends false, held true', 'audit, appends true, held true'];
      return difference(found, expected);
    },
  },
  {
    name: 'items move to the cool tier and no rule deletes evidence',
    findings: (deployment) => {
      const rules = ofType(deployment, 'Microsoft.Storage/storageAccounts/managementPolicies').flatMap((policy) =>
        listAt(policy, 'properties.policy.rules'),
      );
      const touches = (rule: unknown, container: string) => {
        const prefixes = listAt(rule, 'definition.filters.prefixMatch');
        return (
          prefixes.length === 0 ||
          prefixes.some((prefix) => `${container}/`.startsWith(String(prefix)) || String(prefix).startsWith(container))
        );
      };
      const cools = rules.some((rule) => touches(rule, 'items') && at(rule, 'definition.actions.baseBlob.tierToCool') !== undefined);
      const deletes = rules.filter(
        (rule) =>
          ['items', 'audit'].some((container) => touches(rule, container)) &&
          JSON.stringify(at(rule, 'definition.actions')).includes('"delete"'),
      );
      return [
        ...(cools ? [] : ['no rule moves items to the cool tier']),
        ...deletes.map((rule) => `the rule ${String(at(rule, 'name'))} deletes items or audit records`),
      ];
    },
  },
];
