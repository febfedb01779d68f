/**
 * Every limit of the product, each with the reason for its value.
 *
 * @module
 */

const KB = 1024;
const MB = 1024 * KB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const limits = {
  /** Largest value of MAX_ITEM_BYTES: Graph takes attachments up to 150 MB through an upload session. */
  maxItemBytes: 150 * MB,

  /** Bytes of one staged block while an item streams into blob storage; what one download holds in memory at most. */
  stagingBlockBytes: 4 * MB,

  /** Items above this many bytes are imported one at a time in a process: parsed, an item takes about three times its size, and 24 are under way. */
  largeItemBytes: 16 * MB,

  /** Header block of one item: postal-mime's own default. A flood of 100,000 headers is refused here, before it costs seconds. */
  headerBytes: 2 * MB,

  /** Bytes of a staged item that are read to find its identity when it is too large to be parsed. */
  identityHeaderBytes: 256 * KB,

  /** MIME parts inside parts. Real items have 4; a message of 1,000 nested parts is an attack. */
  mimeNestingDepth: 64,

  /** MIME parts of one item. postal-mime bounds depth, not breadth: 100,000 empty parts would each become an attachment. */
  mimeParts: 2_000,

  /** Participants of one item. WhatsApp groups end at 1,024 members; each participant may cost directory look-ups. */
  participants: 1_500,

  /** Characters of a display name that are searched for a number; longer ones are hostile. */
  displayNameCharacters: 512,

  /** Characters of an e-mail address (RFC 5321: 64 + 1 + 255). */
  addressCharacters: 320,

  /** Characters of a subject: Exchange keeps 255, Graph refuses longer ones on some items. The whole one stays in the header block. */
  subjectCharacters: 255,

  /** Characters of an attachment's file name: NTFS and Exchange end at 255. */
  fileNameCharacters: 255,

  /** Bytes of the original header block that go into the mailbox item: Graph takes 32 KB of one extended property. */
  transportHeaderBytes: 32 * KB,

  /** Bytes of a create request: Graph refuses 4 MB, and does not say whether a million or 1,048,576 bytes are meant. */
  createRequestBytes: 4_000_000,

  /** Raw attachment bytes sent inside the create request. Base64 adds a third; less where the text and 1,500 recipients leave less. */
  inlineAttachmentBytes: 2 * MB,

  /** Bytes of body text sent inside the create request; a longer body travels as an attachment, whole. */
  inlineBodyBytes: 1 * MB,

  /** Bytes of one range of an upload session: a multiple of 320 KiB (Graph's advice) under 4 MB. */
  uploadRangeBytes: 10 * 320 * KB,

  /** Rows of the mapping file: ten times the tenant of 50,000 users that the design plans for. */
  mappingRows: 500_000,

  /** Bytes of the mapping file, for the same tenant, at 100 bytes a row. */
  mappingBytes: 64 * MB,

  /** How long the mapping is used before its ETag is checked again, in ms. One conditional request then serves every item of that time. */
  mappingFreshMs: 5 * SECOND,

  /** Users remembered by the directory: one entry is about 300 bytes. */
  directoryEntries: 100_000,
  /** How long a found user is remembered, in ms. */
  directoryFoundMs: 60 * MINUTE,
  /** How long a missing user is remembered, in ms; short, because an operator who adds one waits for it. */
  directoryNotFoundMs: 10 * MINUTE,

  /** Time for a small request to TeleMessage or Graph, in ms. */
  requestMs: 30 * SECOND,
  /** Time without a single byte on a download, in ms; the whole may take as long as it needs. */
  downloadIdleMs: 30 * SECOND,
  /** Time that Azure Storage is told to take for one request at most, in ms: 64 MB of a mapping file arrive in it. */
  storageServerMs: 60 * SECOND,
  /** When an answer of Azure Storage is given up, in ms. Storage itself has given up by then, so that nothing takes effect later. */
  storageMs: 75 * SECOND,
  /** Time for one create or one uploaded range, in ms. */
  createMs: 30 * SECOND,
  /**
   * How long an attempt at a delivery must have been seen without a sign of life, in ms, before another one takes it up. An attempt says
   * that it is alive at most `attemptConfirmMs` before it sends something, which then takes at most `createMs` until it is given up; the
   * rest is for what Graph still does with a request that was given up, and for the difference of the clocks.
   */
  createSettlesMs: 3 * MINUTE,

  /** How long an attempt at a delivery goes on, in ms, before it looks again whether it is still the one that has it in hand. */
  attemptConfirmMs: 5 * SECOND,

  /** How soon a delivery that another attempt is busy with is looked at again, in ms; then after twice as long, and so on. */
  inFlightCheckMs: 3 * SECOND,

  /** Largest list page and login answer, in bytes: 1,000 items with ids of 1,024 characters are under 4 MB. */
  listPageBytes: 8 * MB,
  /** Items asked for in one page; a checkpoint is written after each. */
  listPageItems: 500,

  /** Attempts at one delivery whose end nobody saw, before it is parked: each costs a time-out, and a mailbox that never answers has a reason. */
  deliveryAttempts: 20,

  /** Longest delay that a Retry-After may ask for, in ms. A source that asks for more is asked again after this. */
  retryAfterMs: 60 * MINUTE,
  /** Delay where somebody throttles without saying for how long, in ms. */
  retryAfterDefaultMs: 10 * SECOND,

  /** Queue sends under way at one time while a page is enqueued. */
  enqueueConcurrency: 16,

  /** Rows of one table transaction (Azure Tables). */
  transactionRows: 100,

  /**
   * How long an event waits for its turn in the audit log, in ms: forty instances that write all the time get theirs within 15 s, and whoever
   * waits holds up nothing but its own message.
   */
  auditTurnMs: 60 * SECOND,
  /** Lines of the audit log that one sweep follows: 4 s of work; a large day writes 240,000 in the ten minutes between two sweeps. */
  auditSweepLines: 500_000,

  /** How long a start waits for another one to end, in ms: longer than a lease outlives a crash (15 s). */
  leaseWaitMs: 20 * SECOND,

  /** How long after a daily start was due the sweep makes up for it, in ms: the start itself waits for its turn, and a timer may be late. */
  missedStartMs: 15 * MINUTE,

  /** How long an item may show no progress before the sweep enqueues it again, in ms: longer than the longest Retry-After plus all tries. */
  staleItemMs: 180 * MINUTE,
  /** Within this time of what its row says an item's message is sent: a page of a listing is recorded first, and then enqueued. */
  enqueuedWithinMs: 10 * MINUTE,

  /**
   * How long the parking of an item may take from its message to its rows, in ms: three requests to storage with their retries. A message
   * or a row of the index that is younger may be ahead of the item's own row.
   */
  parkingSettlesMs: 10 * MINUTE,

  /** Messages of one queue of parked items that are looked through at one time: 8 requests, and one for each that stays. */
  parkedMessages: 256,

  /** How far ahead a time in a row may be, in ms, before it is taken for that of a wrong clock: items are put off by an hour at most. */
  clockAheadMs: 24 * 60 * MINUTE,

  /** How often the sweep enqueues one item again before it is parked. */
  requeues: 5,

  /** Window of one run, in ms: a day missed is a run of its own. What is left over and less than half of it goes with the window before. */
  runWindowMs: 24 * 60 * MINUTE,
} as const;
