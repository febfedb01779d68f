/**
 * Gives reports to those who may read them: a list, newest day first, and the files.
 *
 * @module
 */
import { Readable } from 'node:stream';
import { watermark } from '../ledger/run-ledger.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { openBlob } from '../storage/read-blob.ts';
import { isMissing } from '../storage/storage-errors.ts';
import { reportType } from './report-names.ts';
import { contentTypes } from './write-report-file.ts';

type Reading = Pick<Pipeline, 'storage' | 'archiver' | 'ledger'>;

/** A report in the list. */
export interface ListedReport {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly writtenAt: string;
}

/** Days of one page: each costs one request, and has a handful of reports. */
const DAYS_PER_PAGE = 30;

/**
 * Lists the reports, newest day first, in whole days.
 *
 * @param before - Only days before this one (`yyyy-mm-dd`): the `next` of the page before.
 * @returns the page; `next` where there are earlier days; `completeUntil`, ISO: whatever arrived before is archived or parked.
 */
export async function listReports(
  { storage, archiver, ledger }: Reading,
  before?: string,
): Promise<{ readonly reports: readonly ListedReport[]; readonly next?: string; readonly completeUntil?: string }> {
  const { reports: container } = storage.containers;
  const days: string[] = [];
  for await (const entry of container.listBlobsByHierarchy('/')) {
    const day = entry.kind === 'prefix' ? /^(\d{4}-\d\d-\d\d)\/$/.exec(entry.name)?.[1] : undefined;
    if (day !== undefined && (before === undefined || day < before)) days.push(day);
  }
  days.sort((one, other) => (one < other ? 1 : -1));
  const page = days.slice(0, DAYS_PER_PAGE);
  const reports: ListedReport[] = [];
  for (const day of page) {
    const ofDay: ListedReport[] = [];
    for await (const { name, properties } of container.listBlobsFlat({ prefix: `${day}/` })) {
      if (reportType(archiver.id, name) === undefined) continue;
      ofDay.push({ name, size: properties.contentLength ?? 0, writtenAt: properties.lastModified.toISOString() });
    }
    reports.push(...ofDay.toReversed());
  }
  const next = days.length > DAYS_PER_PAGE ? page.at(-1) : undefined;
  const completeUntil = watermark(await ledger.runs.all());
  return { reports, ...(next === undefined ? {} : { next }), ...(completeUntil === undefined ? {} : { completeUntil }) };
}

/** A report, or a part of one. */
export interface OpenReport {
  readonly contentType: string;
  /** Of the whole, in bytes. */
  readonly size: number;
  /** First byte, and the one after the last. */
  readonly start: number;
  readonly end: number;
  readonly body: ReadableStream<Uint8Array>;
}

/** Bytes of one answer. Azure ends an HTTP answer of a function at 100 MB, and without streaming the worker holds it. */
export const REPORT_ANSWER_BYTES = 32 * 1024 * 1024;

/**
 * Opens a report.
 *
 * @param name - As it came from outside; only names of reports are taken.
 * @param range - Which bytes; `end` is the byte after the last. At most {@link REPORT_ANSWER_BYTES} are given.
 * @returns undefined where there is no such report; a start at or after the end of the report gives an empty body.
 */
export async function readReport(
  { storage, archiver }: Reading,
  name: string,
  range: { readonly start: number; readonly end?: number | undefined } = { start: 0 },
): Promise<OpenReport | undefined> {
  const type = reportType(archiver.id, name);
  if (type === undefined) return undefined;
  const blob = storage.containers.reports.getBlobClient(name);
  try {
    const size = (await blob.getProperties()).contentLength ?? 0;
    const start = Math.min(range.start, size);
    const end = Math.max(start, Math.min(range.end ?? size, start + REPORT_ANSWER_BYTES, size));
    const common = { contentType: contentTypes[type], size, start, end };
    // A download of no bytes is a download of all.
    if (start === end) return { ...common, body: new Blob([]).stream() };
    const { chunks } = await openBlob(blob, { offset: start, count: end - start });
    return { ...common, body: Readable.toWeb(Readable.from(chunks)) as ReadableStream<Uint8Array> };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
