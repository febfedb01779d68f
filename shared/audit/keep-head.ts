/**
 * Keeps the end of the audit log apart from it, so that what was written is found to be missing or changed, and follows the chain up to there.
 *
 * @module
 */
import { limits } from '../limits.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';

/**
 * Moves the kept head forward over lines that were followed. A log that no longer holds the kept line leaves the head where it is: it is
 * the evidence. A broken link behind it is logged and passed, else one line of junk would end the protection of all that come after it.
 *
 * @throws the errors of storage.
 */
export async function keepAuditHead({
  audit,
  ledger,
  log,
  telemetry,
}: Pick<Pipeline, 'audit' | 'ledger' | 'log' | 'telemetry'>): Promise<void> {
  // Before the log is read: what is noted by then is in it.
  const kept = await ledger.runs.auditHead();
  const checkpoints = await ledger.runs.auditCheckpoints();
  const { last, broken, brokenLinks } = await audit.followOn(kept, checkpoints, limits.auditSweepLines);
  if (broken !== undefined) {
    log.error('audit.broken', { ...broken, brokenLinks });
    telemetry.count('archive.audit.broken', brokenLinks);
  }
  if (last !== undefined && last.sequence > (kept?.sequence ?? 0)) await ledger.runs.keepAuditHead(last, kept);
}
