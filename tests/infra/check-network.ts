/**
 * The security properties of the private network.
 *
 * @module
 */
import type { Deployment } from './bicep.ts';
import { at, listAt, ofType } from './read-resources.ts';
import { difference, expectValues, type SecurityCheck } from './security-check.ts';

const storage = (deployment: Deployment) => ofType(deployment, 'Microsoft.Storage/storageAccounts');
const vaults = (deployment: Deployment) => ofType(deployment, 'Microsoft.KeyVault/vaults');
const apps = (deployment: Deployment) => ofType(deployment, 'Microsoft.Web/sites');

/** Of a deployment with a private network. */
export const privateNetworkChecks: readonly SecurityCheck[] = [
  {
    name: 'storage and vault are closed to the internet',
    findings: (deployment) =>
      expectValues([...storage(deployment), ...vaults(deployment)], {
        'properties.publicNetworkAccess': 'Disabled',
        'properties.networkAcls.defaultAction': 'Deny',
      }),
  },
  {
    name: 'the app reaches storage and vault inside the network',
    findings: (deployment) => [
      ...difference(
        ofType(deployment, 'Microsoft.Network/privateEndpoints').flatMap((endpoint) =>
          listAt(endpoint, 'properties.privateLinkServiceConnections.0.properties.groupIds').map(String),
        ),
        ['blob', 'queue', 'table', 'vault'],
      ),
      ...apps(deployment)
        .filter((app) => !String(at(app, 'properties.virtualNetworkSubnetId')).endsWith('/subnets/functions'))
        .map(() => 'the app is not in the network'),
    ],
  },
  {
    name: 'only the app reaches the private endpoints',
    findings: (deployment) => {
      const rules = ofType(deployment, 'Microsoft.Network/networkSecurityGroups').flatMap((group) =>
        listAt(group, 'properties.securityRules'),
      );
      const allowed = rules
        .filter((rule) => at(rule, 'properties.access') === 'Allow')
        .map((rule) => String(at(rule, 'properties.sourceAddressPrefix')));
      const subnets = ofType(deployment, 'Microsoft.Network/virtualNetworks').flatMap((network) => listAt(network, 'properties.subnets'));
      const functions = subnets.find((subnet) => at(subnet, 'name') === 'functions');
      const endpoints = subnets.find((subnet) => at(subnet, 'name') === 'endpoints');
      return [
        ...difference(allowed, [String(at(functions, 'properties.addressPrefix'))]),
        ...(rules.some((rule) => at(rule, 'properties.access') === 'Deny') ? [] : ['nothing is denied']),
        ...(at(endpoints, 'properties.privateEndpointNetworkPolicies') === 'Enabled'
          ? []
          : ['the rules do not apply to private endpoints']),
        ...(at(endpoints, 'properties.networkSecurityGroup.id') === undefined ? ['the endpoints have no rules'] : []),
      ];
    },
  },
];
