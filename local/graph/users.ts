/**
 * Requests for users: one by id or user principal name, or a search by address.
 *
 * @module
 */
import type { DirectoryEntry } from './directory.ts';
import type { Answer } from './graph-error.ts';
import { GraphError, notSimulated } from './graph-error.ts';
import type { GraphContext, GraphRequest } from './graph-request.ts';
import { param } from './graph-request.ts';
import { collection, cutPage, parseSelect, pick, readOptions } from './odata.ts';
import { parseAddressFilter } from './odata-filters.ts';

// What Graph gives without $select: neither proxyAddresses nor userType is among it.
const DEFAULT_PROPERTIES = [
  'businessPhones',
  'displayName',
  'givenName',
  'jobTitle',
  'mail',
  'mobilePhone',
  'officeLocation',
  'preferredLanguage',
  'surname',
  'userPrincipalName',
  'id',
];
const PROPERTIES: ReadonlySet<string> = new Set([...DEFAULT_PROPERTIES, 'proxyAddresses', 'userType', 'accountEnabled']);
// Default page of users; Microsoft documents 100.
const PAGE_USERS = 100;

function userView({ id, user }: DirectoryEntry, select: ReadonlySet<string> | undefined): object {
  const all = {
    businessPhones: [],
    displayName: user.userPrincipalName.replace(/@[^@]*$/, ''),
    givenName: null,
    jobTitle: null,
    mail: user.mail ?? null,
    mobilePhone: null,
    officeLocation: null,
    preferredLanguage: null,
    surname: null,
    userPrincipalName: user.userPrincipalName,
    id,
    proxyAddresses: user.proxyAddresses ?? [],
    userType: user.userType ?? 'Member',
    accountEnabled: true,
  };
  return pick(all, select ?? DEFAULT_PROPERTIES);
}

/** `GET /users/{idOrUserPrincipalName}`. */
export function getUser(request: GraphRequest, context: GraphContext): Answer {
  const options = readOptions(request, ['$select']);
  const select = parseSelect(options.$select, PROPERTIES, 'microsoft.graph.user');
  const entry = context.directory.find(param(request, 'user'));
  if (entry === undefined) {
    throw new GraphError(
      404,
      'Request_ResourceNotFound',
      `Resource '${param(request, 'user')}' does not exist or one of its queried reference-property objects are not present.`,
    );
  }
  return { status: 200, body: userView(entry, select) };
}

/** `GET /users?$filter=…&$count=true`: an advanced query, so the header `ConsistencyLevel: eventual` is required with it. */
export function findUsers(request: GraphRequest, context: GraphContext): Answer {
  const options = readOptions(request, ['$filter', '$count', '$select', '$top', '$skip']);
  const select = parseSelect(options.$select, PROPERTIES, 'microsoft.graph.user');
  if (options.$filter === undefined) throw notSimulated('GET /users without $filter');
  const terms = parseAddressFilter(options.$filter);
  if (request.headers['consistencylevel'] !== 'eventual' || options.$count !== 'true') {
    throw new GraphError(
      400,
      'Request_UnsupportedQuery',
      'The specified filter is an advanced query: it needs the header ConsistencyLevel: eventual and $count=true.',
    );
  }
  const found = context.directory.search(terms);
  const page = cutPage(request, found, options, PAGE_USERS);
  return {
    status: 200,
    body: collection(
      page.items.map((entry) => userView(entry, select)),
      page.nextLink,
      found.length,
    ),
  };
}
