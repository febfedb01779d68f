/**
 * Stands in for the Azure CLI: keeps a directory in a file, answers what the scripts ask, and notes every call that changes something.
 *
 * It knows the scripts' queries by their text and does not evaluate JMESPath.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** The directory that the fake keeps. */
export interface Directory {
  applications: { appId: string; displayName: string; definition: Record<string, unknown>; preAuthorized: string[] }[];
  /** Object id and application id of each service principal. */
  principals: { id: string; appId: string; assignmentRequired: boolean }[];
  assignments: { id: string; principalId: string; resourceId: string; appRoleId: string }[];
  /** Calls that changed something, or would have. */
  writes: string[];
}

/** Service principal of Microsoft Graph. */
export const graphPrincipal = '99999999-9999-9999-9999-999999999999';

const path = process.env['FAKE_AZ_DIRECTORY'];
if (path !== undefined && process.argv[1] === import.meta.filename) {
  const directory = JSON.parse(readFileSync(path, 'utf8')) as Directory;
  console.log(answer(directory, process.argv.slice(2)));
  writeFileSync(path, JSON.stringify(directory));
}

function option(args: readonly string[], name: string): string {
  return args[args.indexOf(name) + 1] ?? '';
}

function answer(directory: Directory, args: readonly string[]): string {
  const command = args
    .slice(
      0,
      args.findIndex((arg) => arg.startsWith('--')),
    )
    .join(' ');
  const quoted = /'([^']*)'/.exec(option(args, '--filter'))?.[1];
  const id = option(args, '--id');
  const query = option(args, '--query');
  const application = directory.applications.find(({ appId }) => appId === id);
  const write = () => directory.writes.push(args.join(' '));
  switch (command) {
    case 'cloud show':
      return 'https://graph.microsoft.com/';
    case 'ad app list':
      return directory.applications
        .filter(({ displayName }) => displayName === quoted)
        .map(({ appId }) => appId)
        .join('\n');
    case 'ad app create': {
      write();
      const appId = '55555555-5555-5555-5555-555555555555';
      directory.applications.push({ appId, displayName: option(args, '--display-name'), definition: {}, preAuthorized: [] });
      return appId;
    }
    case 'ad app show': {
      if (application === undefined) throw new Error(`no application ${id}`);
      if (query.includes('preAuthorizedApplications')) return application.preAuthorized.join('\n');
      return describe(application.definition);
    }
    case 'ad app delete':
      write();
      directory.applications = directory.applications.filter(({ appId }) => appId !== id);
      directory.principals = directory.principals.filter(({ appId }) => appId !== id);
      return '';
    case 'ad sp list':
      return directory.principals
        .filter(({ appId }) => appId === quoted)
        .map((principal) => principal.id)
        .join('\n');
    case 'ad sp show':
      if (query === 'id') return graphPrincipal;
      return String(directory.principals.find((principal) => principal.id === id)?.assignmentRequired);
    case 'ad sp create':
      write();
      directory.principals.push({ id: '66666666-6666-6666-6666-666666666666', appId: id, assignmentRequired: false });
      return '';
    case 'ad sp update':
      write();
      for (const principal of directory.principals) {
        if (principal.id === id) principal.assignmentRequired = option(args, '--set') === 'appRoleAssignmentRequired=true';
      }
      return '';
    case 'rest':
      return rest(directory, args, write);
    default:
      throw new Error(`the fake az does not know: ${args.join(' ')}`);
  }
}

/** What the script asks of an application in one line. */
function describe(definition: Record<string, unknown>): string {
  const ids = (list: unknown) => ((list ?? []) as { id: string }[]).map((entry) => entry.id).join(',');
  const api = (definition['api'] ?? {}) as Record<string, unknown>;
  const uris = ((definition['identifierUris'] ?? []) as string[]).join(',');
  return [
    ids(definition['appRoles']),
    ids(api['oauth2PermissionScopes']),
    uris,
    JSON.stringify(api['requestedAccessTokenVersion'] ?? null),
    'AzureADMyOrg',
  ].join(' ');
}

function rest(directory: Directory, args: readonly string[], write: () => void): string {
  const url = new URL(option(args, '--url'));
  const parts = url.pathname.split('/');
  const method = option(args, '--method');
  if (method === 'get') {
    const [, role, , holder] = /appRoleId=='([^']*)' && (principalId|resourceId)=='([^']*)'/.exec(option(args, '--query')) ?? [];
    return directory.assignments
      .filter(({ appRoleId, principalId, resourceId }) => appRoleId === role && [principalId, resourceId].includes(holder ?? ''))
      .map(({ id }) => id)
      .join('\n');
  }
  write();
  if (method === 'delete') {
    directory.assignments = directory.assignments.filter(({ id }) => id !== parts.at(-1));
    return '';
  }
  const body = JSON.parse(option(args, '--body')) as Record<string, never>;
  if (method === 'post') {
    const { principalId, resourceId, appRoleId } = body;
    directory.assignments.push({ id: `assignment-${directory.assignments.length}`, principalId, resourceId, appRoleId } as never);
    return '';
  }
  const appId = /appId='([^']*)'/.exec(url.pathname)?.[1];
  for (const application of directory.applications.filter((candidate) => candidate.appId === appId)) {
    const clients = (body['api'] as { preAuthorizedApplications?: { appId: string }[] } | undefined)?.preAuthorizedApplications;
    if (clients === undefined) application.definition = { ...application.definition, ...(body as Record<string, unknown>) };
    else application.preAuthorized = clients.map((client) => client.appId);
  }
  return '';
}
