/**
 * Finds resources of an evaluated template and values in them.
 *
 * @module
 */
import type { Deployment, Resource } from './bicep.ts';

/** Names of the built-in roles that this project gives, by their ids as Microsoft publishes them. */
const roleNames: Readonly<Record<string, string>> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': 'Storage Blob Data Contributor',
  '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1': 'Storage Blob Data Reader',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
  '4633458b-17de-408a-b874-0445c86b69e6': 'Key Vault Secrets User',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
};

/** All resources of a type, in the template's order. */
export function ofType(deployment: Deployment, type: string): readonly Resource[] {
  return deployment.predictedResources.filter((resource) => resource.type.toLowerCase() === type.toLowerCase());
}

/** The value at a path such as `properties.networkAcls.defaultAction`; undefined where there is none. */
export function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((part, key) => (typeof part === 'object' && part !== null ? Reflect.get(part, key) : undefined), value);
}

/** The list at a path; empty where there is none. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  const list = at(value, path);
  return Array.isArray(list) ? list : [];
}

/** The last part of a resource's name: `items` of `account/default/items`. */
export function lastName(resource: Resource): string {
  return resource.name.split('/').at(-1) ?? resource.name;
}

/** One right: who may do what on what. */
export interface RoleGrant {
  readonly who: 'app' | 'operators';
  readonly role: string;
  /** Type and name of the resource, without the account's own name: `blobServices/containers/items`. */
  readonly scope: string;
}

/** A resource's id as a person reads it: without subscription, group and the names that are made up at deployment. */
export function shortScope(id: string): string {
  const group = /^\/subscriptions\/[^/]+(?:\/resourceGroups\/[^/]+)?/.exec(id)?.[0] ?? '';
  const rest = id.slice(group.length).replace(/^\/providers\//, '');
  if (rest === '') return id.includes('/resourceGroups/') ? 'resource group' : 'subscription';
  const parts = rest.split('/');
  const service: Readonly<Record<string, string>> = {
    'Microsoft.Storage/storageAccounts': 'storage',
    'Microsoft.KeyVault/vaults': 'key vault',
    'Microsoft.Insights/components': 'Application Insights',
  };
  const owner = `${parts[0]}/${parts[1]}`;
  // What follows the owner comes in pairs of type and name; the service level is always called `default`.
  const inside = parts.slice(3).filter((part) => part !== 'default');
  return [service[owner] ?? `${owner}/${parts[2]}`, ...inside].join('/');
}

/** Every role assignment of the template. */
export function roleGrants(deployment: Deployment): readonly RoleGrant[] {
  return ofType(deployment, 'Microsoft.Authorization/roleAssignments').map((assignment) => {
    const id = String(at(assignment, 'properties.roleDefinitionId')).split('/').at(-1) ?? '';
    return {
      who: at(assignment, 'properties.principalType') === 'Group' ? 'operators' : 'app',
      role: roleNames[id] ?? `unknown role ${id}`,
      scope: shortScope(assignment.id.slice(0, assignment.id.lastIndexOf('/providers/Microsoft.Authorization/'))),
    };
  });
}

/** The settings of the function app. */
export function appSettings(deployment: Deployment): Readonly<Record<string, string>> {
  const settings = ofType(deployment, 'Microsoft.Web/sites/config').find((config) => lastName(config) === 'appsettings');
  return (settings?.['properties'] ?? {}) as Record<string, string>;
}

/** One alert rule. */
export interface AlertRule {
  /** As it stands in docs/operations.md: without the prefix that all of them have. */
  readonly name: string;
  readonly description: string;
  readonly query: string;
  readonly resource: Resource;
}

/** Every alert rule of the template. */
export function alertRules(deployment: Deployment): readonly AlertRule[] {
  return ofType(deployment, 'Microsoft.Insights/scheduledQueryRules').map((resource) => ({
    name: resource.name.replace(/^archiver-/, ''),
    description: String(at(resource, 'properties.description')),
    query: String(at(resource, 'properties.criteria.allOf.0.query')),
    resource,
  }));
}

/** Every query of the workbook, by the name of its chart. */
export function workbookQueries(deployment: Deployment): ReadonlyMap<string, string> {
  const data = String(at(ofType(deployment, 'Microsoft.Insights/workbooks')[0], 'properties.serializedData'));
  const workbook = JSON.parse(data) as unknown;
  return new Map(
    listAt(workbook, 'items')
      .filter((item) => at(item, 'type') === 3)
      .map((item) => [String(at(item, 'name')), String(at(item, 'content.query'))]),
  );
}
