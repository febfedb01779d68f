/**
 * What the steps of the pipeline work with, and how they speak to the log.
 *
 * @module
 */
import type { AuditLog } from '../audit/audit-log.ts';
import type { ArchiverProfile } from '../archivers.ts';
import type { Settings } from '../config.ts';
import type { ContentLedger } from '../ledger/content-ledger.ts';
import type { DeliveryLedger } from '../ledger/delivery-ledger.ts';
import type { ItemLedger } from '../ledger/item-ledger.ts';
import type { RunLedger } from '../ledger/run-ledger.ts';
import type { MailboxImporter } from '../mailbox/mailbox-importer.ts';
import type { ComposedMessage } from '../mailbox/compose-message.ts';
import type { Graph } from '../mailbox/graph-client.ts';
import type { FindMailbox } from '../mailbox/directory.ts';
import type { MappingInForce } from '../mapping/mapping-source.ts';
import type { Storage } from '../storage/storage.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ItemSource } from '../telemessage/item-source.ts';

/** What may stand beside an event in the log: keys and counts, never a number, an address, a subject or a body. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes one line to the log. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Everything outside the steps. */
export interface Pipeline {
  readonly settings: Pick<
    Settings,
    | 'ARCHIVE_SCHEDULE'
    | 'MAPPING_AUTOMATIC'
    | 'PHONE_DEFAULT_COUNTRY'
    | 'USER_EMAIL_HEADER'
    | 'MAX_ITEM_BYTES'
    | 'WINDOW_OVERLAP_MINUTES'
    | 'VERIFY_SHARE'
  >;
  readonly archiver: ArchiverProfile;
  readonly storage: Storage;
  readonly ledger: {
    readonly runs: RunLedger;
    readonly items: ItemLedger;
    readonly deliveries: DeliveryLedger;
    readonly content: ContentLedger;
  };
  /** The chained log, to which each change of a run, an item, a delivery and the mapping is written before it is made. */
  readonly audit: AuditLog;
  readonly source: ItemSource;
  /** The custom mapping in force, or undefined where it is off. */
  readonly mapping: () => Promise<MappingInForce | undefined>;
  readonly findMailbox: FindMailbox;
  readonly graph: Graph;
  readonly importer: MailboxImporter<ComposedMessage>;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly now: () => Date;
}
