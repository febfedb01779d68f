/**
 * Names of reports in the container `reports`: a folder for each day, in it the run. Nothing else of the container can be read by name.
 *
 * @module
 */
import type { RunRow } from '../ledger/run-ledger.ts';

/** Which of a run's reports: the items, the duplicates, or what the n-th reconciliation found. */
export type ReportPart = '' | '-duplicates' | `-reconciliation-${number}`;

/** The folder of a run's reports: the day on which its window ends (UTC). */
export function reportFolder(run: Pick<RunRow, 'to'>): string {
  return run.to.slice(0, 10);
}

/**
 * Name of one report.
 *
 * @param version - From 1; a report that was made anew has the next one, and the earlier ones stay.
 */
export function reportName(run: Pick<RunRow, 'to' | 'runId'>, part: ReportPart, version: number, type: 'json' | 'csv'): string {
  return `${reportFolder(run)}/${run.runId}${part}${version === 1 ? '' : `.${version}`}.${type}`;
}

const REPORT_NAME =
  /^\d{4}-\d\d-\d\d\/(?<archiver>[a-z0-9-]{1,64})-\d{6,9}(?:-duplicates|-reconciliation-\d{1,6})?(?:\.\d{1,6})?\.(?<type>json|csv)$/;

/**
 * Checks a name that came from outside.
 *
 * @returns the type of the report, or undefined where the name is not that of a report of this archiver.
 */
export function reportType(archiverId: string, name: string): 'json' | 'csv' | undefined {
  const groups = REPORT_NAME.exec(name)?.groups;
  if (groups?.['archiver'] !== archiverId) return undefined;
  return groups['type'] === 'json' ? 'json' : 'csv';
}
