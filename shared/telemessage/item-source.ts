/**
 * The seam between the archiver and whatever holds the items: TeleMessage over HTTP now, an SFTP drop or a mailbox later.
 *
 * @module
 */

/** One item as the source lists it. */
export interface ListedItem {
  /** Opaque, 1 to 1,024 characters; may look like a number and is never a path. */
  readonly id: string;
  /** When it arrived at the source, ISO 8601 UTC. */
  readonly arrivedAt: string;
  /** `sms`, `mms`, `chat`, `call-recording`, `call-log` or another word. */
  readonly type?: string;
}

/** One page of a listing. */
export interface ItemPage {
  readonly items: readonly ListedItem[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
  /** What the source's own clock said when it answered, where it says so: what arrives after that cannot be listed yet. */
  readonly answeredAt?: Date;
}

/** A half-open window of arrival: `from` is in it, `to` is not. */
export interface ArrivalWindow {
  readonly from: Date;
  readonly to: Date;
}

/** Where items come from. */
export interface ItemSource {
  /**
   * Lists one page of the items that arrived in the window, in order of arrival.
   *
   * @param cursor - `nextCursor` of the page before; absent for the first.
   * @throws RetryAfterError, TransientError or PermanentError, never anything else.
   */
  listPage(window: ArrivalWindow, cursor?: string): Promise<ItemPage>;

  /**
   * Opens one item as a stream of bytes. The stream itself throws a TransientError where the transfer ends short, stalls or does not
   * match the source's digest, so a consumer that reaches its end has the whole item.
   *
   * @throws RetryAfterError, TransientError, or PermanentError (`source-item-not-found`), never anything else.
   */
  openItem(id: string): Promise<AsyncIterable<Uint8Array>>;
}
