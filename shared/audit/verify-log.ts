/**
 * Checks the audit log: all of it, some days of it, or what has come since it was last followed.
 *
 * @module
 */
import type { ContainerClient } from '@azure/storage-blob';
import { followChain, headAfter, type BrokenLink, type ChainHead, type Followed } from './audit-chain.ts';
import type { LogEnd } from './log-end.ts';
import { readLines, type Place } from './read-lines.ts';

/** Days of the log, both included, `yyyy-mm-dd`, UTC. */
export interface Days {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** What was checked, and what was found. */
export interface Verified {
  /** Days of the first and the last line; absent where there is none. */
  readonly from?: string;
  readonly to?: string;
  readonly lines: number;
  /** Numbers of the first and the last line in the chain. */
  readonly first?: number;
  readonly last?: number;
  /** The first place where the log is not what was written, and how many there are. */
  readonly broken?: BrokenLink;
  readonly brokenLinks: number;
}

/** A head that is kept apart from the log, and where its line stands, so that the log can be followed from there. */
export interface KeptHead extends ChainHead, Place {}

/** What {@link createVerifier} gives. */
export interface Verifier {
  /**
   * Follows the chain and goes on after a broken link.
   *
   * @param checkpoints - Heads noted elsewhere, so that lines cut off at the end are found too.
   * @param days - Only these. They have to follow the line before them, and the line after them has to follow them.
   */
  verify(checkpoints?: readonly ChainHead[], days?: Days): Promise<Verified>;
  /**
   * Follows the chain on from a head that was kept.
   *
   * @param kept - Undefined for the beginning of the log.
   * @param atMost - Lines that are read at most.
   */
  followOn(kept: KeptHead | undefined, checkpoints: readonly ChainHead[], atMost: number): Promise<Followed>;
}

/** Makes the verifier of one archiver's log. @param container - The container `audit`. */
export function createVerifier(container: ContainerClient, archiverId: string, { headBefore }: LogEnd): Verifier {
  const prefix = `${archiverId}/`;
  const dayOf = (blob: string) => blob.slice(prefix.length, prefix.length + 10);
  return {
    async verify(checkpoints = [], { from, to } = {}) {
      const start = `${prefix}${from ?? ''}`;
      const { lines, first, last, broken, brokenLinks } = await followChain(readLines(container, prefix, start), {
        checkpoints,
        ...(from !== undefined && { head: await headBefore(start) }),
        // A slash sorts behind the dot that follows the day in a blob's name.
        ...(to !== undefined && { before: `${prefix}${to}/` }),
      });
      return {
        ...(first && { from: dayOf(first.blob), first: first.sequence }),
        ...(last && { to: dayOf(last.blob), last: last.sequence }),
        lines,
        ...(broken && { broken }),
        brokenLinks,
      };
    },

    async followOn(kept, checkpoints, atMost) {
      const lines = readLines(container, prefix, kept);
      if (kept !== undefined) {
        const { done, value } = await lines.next();
        if (done === true || headAfter(kept, value.raw, undefined).hash !== kept.hash) {
          await lines.return(undefined);
          const problem = `is not line ${kept.sequence} of the chain, which was there when its checkpoint was noted`;
          return { lines: 0, broken: { blob: kept.blob, line: kept.line, problem }, brokenLinks: 1 };
        }
      }
      return followChain(lines, { checkpoints, atMost, ...(kept && { head: kept }) });
    },
  };
}
