/**
 * Gives each request of the app the name of the step that it is, so that faults can be aimed at steps and no step is forgotten.
 *
 * @module
 */

/** The five services that the app talks to. */
export const services = ['blob', 'queue', 'table', 'graph', 'telemessage'] as const;
/** One of {@link services}. */
export type Service = (typeof services)[number];

/** A request as it passes by. */
export interface PassingRequest {
  readonly service: Service;
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Folders of the container `reports` that hold something else. */
const AREAS: ReadonlyMap<string, string> = new Map([
  ['state', 'mapping-state'],
  ['reconciliations', 'reconciliations'],
]);

function nameBlob({ method, headers }: PassingRequest, path: readonly string[], query: URLSearchParams): string {
  const [container = '', ...rest] = path;
  const comp = query.get('comp');
  if (query.get('restype') === 'container' && comp === null) return method === 'PUT' ? 'create-container' : 'container';
  if (rest[0] === 'locks') return comp === 'lease' ? `lock ${String(headers['x-ms-lease-action'])}` : `lock ${method.toLowerCase()}`;
  const area = container === 'reports' ? (AREAS.get(rest[0] ?? '') ?? container) : container;
  const kind = headers['x-ms-blob-type'] === 'AppendBlob' ? 'create' : method.toLowerCase();
  return `${area} ${comp ?? kind}`;
}

function nameQueue({ method }: PassingRequest, path: readonly string[], query: URLSearchParams): string {
  const [queue = '', messages, id] = path;
  if (query.get('peekonly') === 'true') return `${queue} peek`;
  if (messages === undefined) return method === 'PUT' ? 'create-queue' : `${queue} properties`;
  if (id !== undefined) return `${queue} ${method === 'DELETE' ? 'delete' : 'update'}`;
  return `${queue} ${{ POST: 'send', GET: 'receive', DELETE: 'clear' }[method] ?? method}`;
}

/** Which ledger of the table: `items` and `content` hold two kinds of rows, `runs` also the versions of the mapping and other marks. */
function ledgerOf(table: string, text: string): string {
  const partition = /PartitionKey(?:='|":"| eq ')(\w+)/.exec(text)?.[1] ?? '';
  if (table === 'items' && partition === 'parked') return 'parked';
  if (table === 'content') return partition === 'source' ? 'sources' : 'content';
  return table;
}

const IDENTITY = 'runId itemKey sourceId sequence arrivedAt';

/**
 * What is said in a merge, by all the columns that it writes; those in brackets may be absent. A merge with other columns is a new step: it
 * gets a name that nobody knows, and fails the tests.
 */
const FACTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  items: {
    staged: `${IDENTITY} size sha256 stagedAt progressAt`,
    waits: `${IDENTITY} progressAt waitsUntil`,
    restored: `${IDENTITY} [type] listedAt progressAt`,
    ended: `${IDENTITY} [size] [sha256] deliveries outcome reason [contentKey] [duplicateOf] [maskedNumbers] [parkedIn] [parkedMessageId] [parkedPopReceipt] endedAt progressAt`,
    reopened: 'outcome reason waitsUntil progressAt requeues',
    settled: 'outcome deliveries progressAt',
    discarded: 'discardReason discardedBy discardedAt',
  },
  parked: { added: 'runId reason parkedAt inDoubt mappingVersion', settled: 'inDoubt', 'mapping-tried': 'mappingVersion' },
  runs: {
    checkpoint: 'cursor [seenUntil] position listed relisted',
    listed: 'to position listed relisted listedAt',
    reopened: 'recount',
    completed: 'counts completedAt recount auditSequence auditHash',
    'audit-head': 'sequence hash blob line start',
  },
  deliveries: {
    doubted: 'doubtedAt',
    resumed: 'attempt state settled doubtedAt attempts throttled reason',
    ended: 'state settled throttled [messageId] reason doubtedAt',
    reopened: 'state settled attempts throttled attempt reason',
  },
  content: { superseded: `${IDENTITY} sha256` },
};

/** @param row - JSON text of the entity that is merged. */
function factOf(ledger: string, row: string): string {
  const columns = Object.keys(JSON.parse(row) as object).filter((name) => !name.includes('@') && !/^(Partition|Row)Key$/.test(name));
  const fact = Object.entries(FACTS[ledger] ?? {}).find(([, known]) => {
    const wanted = known.split(' ');
    const required = wanted.filter((name) => !name.startsWith('['));
    const allowed = new Set(wanted.map((name) => name.replace(/[[\]]/g, '')));
    return required.every((name) => columns.includes(name)) && columns.every((name) => allowed.has(name));
  });
  return fact?.[0] ?? `merge of ${columns.sort().join(', ')}`;
}

function nameTable({ method, url, body }: PassingRequest, path: readonly string[]): string {
  const [first = ''] = path;
  if (first === 'Tables') return 'create-table';
  const text = body.toString('utf8');
  if (first === '$batch') {
    const [, verb = '', table = ''] = /^(POST|PATCH|MERGE|PUT|DELETE) \S*\/(\w+)/m.exec(text) ?? [];
    const ledger = ledgerOf(table, text);
    if (verb === 'POST') return `${ledger} insert-many`;
    const facts = new Set(Array.from(text.matchAll(/^\{.*\}\r?$/gm), ([row]) => factOf(ledger, row)));
    return `${ledger} ${[...facts].sort().join(' and ')}-many`;
  }
  const table = /^\w+/.exec(first)?.[0] ?? '';
  const ledger = ledgerOf(table, method === 'POST' ? text : decodeURIComponent(url));
  if (method === 'GET') return `${ledger} ${first.includes('RowKey') ? 'read' : 'query'}`;
  if (method === 'POST') return `${ledger} insert`;
  if (method === 'DELETE') return `${ledger} remove`;
  return `${ledger} ${factOf(ledger, text)}`;
}

const GRAPH: readonly (readonly [string, RegExp, string])[] = [
  ['PUT', /^\/upload\//, 'put-range'],
  ['GET', /^\/upload\//, 'get-upload'],
  ['POST', /\/mailFolders$/, 'create-folder'],
  ['GET', /\/mailFolders$/, 'list-folders'],
  ['GET', /\/mailFolders\/inbox$/, 'get-inbox'],
  ['POST', /\/mailFolders\/[^/]+\/messages$/, 'create-message'],
  ['GET', /\/mailFolders\/[^/]+\/messages$/, 'find-message'],
  ['POST', /\/createUploadSession$/, 'create-upload'],
  ['POST', /\/attachments$/, 'add-attachment'],
  ['GET', /\/attachments$/, 'list-attachments'],
  ['POST', /\/move$/, 'move-message'],
  ['GET', /\/messages\/[^/]+$/, 'get-message'],
  ['DELETE', /\/messages\/[^/]+$/, 'delete-message'],
  ['GET', /\/users$/, 'find-user'],
  ['GET', /\/users\/[^/]+$/, 'get-user'],
];

/** @returns `<service> <step>`, for example `table items staged`; a request that nobody thought of is named by its method and path. */
export function nameStep(request: PassingRequest): string {
  const { service, method } = request;
  const [path = '', query = ''] = request.url.split(/\?(.*)/s);
  // The first part is the account.
  const parts = path.split('/').slice(2).map(decodeURIComponent);
  switch (service) {
    case 'blob':
      return `blob ${nameBlob(request, parts, new URLSearchParams(query))}`;
    case 'queue':
      return `queue ${nameQueue(request, parts, new URLSearchParams(query))}`;
    case 'table':
      return `table ${nameTable(request, parts)}`;
    case 'graph':
      return `graph ${GRAPH.find(([verb, pattern]) => verb === method && pattern.test(path))?.[2] ?? `${method} ${path}`}`;
    case 'telemessage':
      return `telemessage ${
        /\/v1\/(login$|items$|items\/[^/]+\/content$)/
          .exec(path)?.[1]
          ?.replace(/^items$/, 'list')
          .replace(/^items.*/, 'content') ?? path
      }`;
  }
}

/** Whether the request changes something: only then there is a before and an after. */
export function isDurable({ method }: Pick<PassingRequest, 'method'>): boolean {
  return method !== 'GET' && method !== 'HEAD';
}
