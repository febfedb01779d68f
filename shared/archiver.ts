/**
 * Puts the archiver together: the settings on one side, everything the steps need on the other.
 *
 * @module
 */
import type { TokenCredential } from '@azure/identity';
import { createAuditLog } from './audit/audit-log.ts';
import type { Settings } from './config.ts';
import { createContentLedger } from './ledger/content-ledger.ts';
import { createDeliveryLedger } from './ledger/delivery-ledger.ts';
import { createItemLedger } from './ledger/item-ledger.ts';
import { createRunLedger } from './ledger/run-ledger.ts';
import { createDirectory } from './mailbox/directory.ts';
import { connectGraph } from './mailbox/graph-client.ts';
import { createGraphImporter } from './mailbox/graph-importer.ts';
import { createMappingSource } from './mapping/mapping-source.ts';
import type { Log, Pipeline } from './pipeline/pipeline.ts';
import { connectStorage } from './storage/storage.ts';
import { observeSource } from './telemetry/observe-source.ts';
import { createTelemetry } from './telemetry/telemetry.ts';
import { createTeleMessageSource } from './telemessage/telemessage-source.ts';

/** What the surroundings supply. */
export interface Surroundings {
  readonly log: Log;
  readonly now: () => Date;
  /** Gives the credential of the app, where the settings ask for one. */
  readonly identity: () => TokenCredential;
}

/** Makes the pipeline of one archiver. Nothing is asked of anybody yet. */
export function createArchiver(settings: Settings, { log, now, identity }: Surroundings): Pipeline {
  const archiver = settings.ARCHIVER;
  const storage = connectStorage(settings, identity);
  const { tables, containers } = storage;
  const telemetry = createTelemetry();
  const audit = createAuditLog(containers.audit, archiver.id, now, log);
  const graph = connectGraph({
    baseUrl: settings.GRAPH_BASE_URL,
    token: settings.GRAPH_AUTH === 'none' ? undefined : graphToken(settings.GRAPH_BASE_URL, identity),
    lanesPerMailbox: settings.GRAPH_LANES_PER_MAILBOX,
    lanesTotal: settings.GRAPH_LANES_TOTAL,
    now,
    onThrottled: () => telemetry.count('archive.graph.throttled'),
  });
  const findMailbox = createDirectory(graph, () => now().getTime());
  return {
    settings,
    archiver,
    storage,
    ledger: {
      runs: createRunLedger(tables.runs, archiver.id, now, audit.record),
      items: createItemLedger(tables.items, tables.content, archiver.id, now, audit.record),
      deliveries: createDeliveryLedger(tables.deliveries, now, audit.record),
      content: createContentLedger(tables.content),
    },
    audit,
    graph,
    source: observeSource(
      createTeleMessageSource({
        baseUrl: settings.TELEMESSAGE_BASE_URL,
        username: settings.TELEMESSAGE_USERNAME,
        password: settings.TELEMESSAGE_PASSWORD,
        archiverId: archiver.id,
        now,
      }),
      telemetry,
    ),
    mapping: createMappingSource({
      container: containers.config,
      lastGood: containers.reports.getBlockBlobClient(`state/${archiver.id}-mapping.csv`),
      blobName: settings.MAPPING_CSV_BLOB.replace(/^config\//, ''),
      defaultCountry: settings.PHONE_DEFAULT_COUNTRY,
      log,
      record: audit.record,
      now: () => now().getTime(),
    }),
    findMailbox,
    importer: createGraphImporter(graph, findMailbox, archiver, settings.ATTACH_ORIGINAL),
    log,
    telemetry,
    now,
  };
}

/** A token for Graph, renewed by the credential itself before it ends. */
function graphToken(baseUrl: URL, identity: () => TokenCredential): () => Promise<string> {
  const scope = `${baseUrl.origin}/.default`;
  let credential: TokenCredential | undefined;
  return async () => {
    credential ??= identity();
    const token = await credential.getToken(scope);
    if (token === null) throw new Error('The identity of the app gave no token for Microsoft Graph.');
    return token.token;
  };
}
