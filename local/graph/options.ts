/**
 * What a simulated Graph is started with.
 *
 * @module
 */
import type { Fault, MailboxCondition } from './faults.ts';

/** One user of the simulated directory, as `local/sample-day/directory.json` writes it. */
export interface DirectoryUser {
  readonly userPrincipalName: string;
  readonly mail?: string | null;
  /** With prefix: `SMTP:` for the primary address, `smtp:` for the others. */
  readonly proxyAddresses?: readonly string[];
  /** `Member` (default) or `Guest`. */
  readonly userType?: string;
  /** Whether Exchange Online holds a mailbox for this user. */
  readonly hasMailbox: boolean;
}

const MB = 1024 * 1024;

/** Sizes and counts that the simulator enforces; tests lower them to stay small. */
export interface GraphLimits {
  /** A JSON request of this many bytes or more is answered 413. Microsoft documents 4 MB. */
  readonly requestBytes: number;
  /** A file attachment inside a JSON request must be smaller; larger ones need an upload session. Microsoft documents 3 MB. */
  readonly attachmentBytes: number;
  /** A range of this many bytes or more is answered 413. Microsoft asks for less than 4 MB. */
  readonly rangeBytes: number;
  /**
   * A smaller file is refused an upload session (`ErrorAttachmentSizeShouldNotBeLessThanMinimumSize`). Microsoft documents "3 MB" without
   * saying of which kind: the smaller megabyte is taken here and the larger one for `attachmentBytes`.
   */
  readonly uploadMinimumBytes: number;
  /** Largest file of an upload session. Microsoft documents 150 MB. */
  readonly uploadBytes: number;
  /**
   * What Exchange adds to an attachment's `size` for its own properties: Graph reports more than the file's bytes (816 bytes came back as
   * 1,053 in microsoftgraph/microsoft-graph-docs issue 9796). A client that wants equality would refuse every whole copy.
   */
  readonly attachmentOverheadBytes: number;
  /** Default page of folders, messages and attachments. */
  readonly pageItems: number;
  /** How long an upload session lives, in ms. */
  readonly uploadSessionMs: number;
  /** `Retry-After` of a 429 for MailboxConcurrency, in seconds. */
  readonly retryAfterSeconds: number;
}

/** The documented values. */
export const graphLimits: GraphLimits = {
  requestBytes: 4 * MB,
  attachmentBytes: 3 * MB,
  rangeBytes: 4 * MB,
  uploadMinimumBytes: 3_000_000,
  uploadBytes: 150 * MB,
  attachmentOverheadBytes: 237,
  pageItems: 10,
  uploadSessionMs: 60 * 60 * 1000,
  retryAfterSeconds: 1,
};

/** Options of `startSimulatedGraph`. */
export interface SimulatedGraphOptions {
  readonly directory: readonly DirectoryUser[];
  /**
   * Folder on disk where the mailboxes are kept; created when absent, continued when it holds mailboxes already. The simulator keeps its
   * own files beside it, in `.<name>.simulator`: remove both to begin anew.
   */
  readonly root: string;
  /**
   * Port of the Graph listener on 127.0.0.1.
   *
   * @defaultValue 0, a free one
   */
  readonly port?: number;
  /**
   * Path in front of `/v1.0`, so that a base URL with a path is exercised.
   *
   * @defaultValue '/graph'
   */
  readonly pathPrefix?: string;
  readonly faults?: readonly Fault[];
  readonly conditions?: readonly MailboxCondition[];
  /** Requests at once to one mailbox before the next is answered 429; Microsoft documents 4. Absent: no limit. */
  readonly mailboxConcurrency?: number;
  /** Limits that differ from {@link graphLimits}. */
  readonly limits?: Partial<GraphLimits>;
}
