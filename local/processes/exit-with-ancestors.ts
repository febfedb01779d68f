/**
 * Notices that the `npm` which runs us was killed.
 *
 * `npm start` is npm → sh → node. A `kill -9` of npm leaves sh and node running with nobody waiting for them, and a `kill -9` of sh leaves
 * node. So the processes from our parent up to npm are looked at twice a second.
 *
 * @module
 */
import { readFileSync } from 'node:fs';

interface ProcessState {
  parentPid: number;
  /** Clock ticks since boot at its start; tells a process from a later one with the same id. */
  startTime: string;
  isNpm: boolean;
}

/** What {@link exitWithAncestors} watches. */
export interface AncestorWatch {
  /** The process ids looked at, the parent first, npm last; empty when this process was not started by npm. */
  readonly watched: readonly number[];
  stop(): void;
}

/**
 * Watches our ancestors up to npm and tells when one of them has gone. A process started in another way is not watched: its shell may end
 * and leave it running on purpose.
 *
 * @param onGone - Called once, with the process id of the ancestor that is gone; what to do is up to the caller.
 * @param everyMs - Time between two looks, in ms. @default 500
 */
export function exitWithAncestors(onGone: (pid: number) => void, everyMs = 500): AncestorWatch {
  const ancestors = findAncestors();
  if (ancestors.size === 0) {
    return { watched: [], stop: () => {} };
  }
  const parentPid = process.ppid;
  const timer = setInterval(() => {
    const gone = process.ppid === parentPid ? [...ancestors].find(([pid, startTime]) => hasGone(pid, startTime))?.[0] : parentPid;
    if (gone !== undefined) {
      clearInterval(timer);
      onGone(gone);
    }
  }, everyMs);
  timer.unref();
  return { watched: [...ancestors.keys()], stop: () => clearInterval(timer) };
}

/** Process ids from the parent up to npm with their start times; undefined where the system has no /proc and only the parent is known. */
function findAncestors(): Map<number, string | undefined> {
  const ancestors = new Map<number, string | undefined>();
  if (process.env['npm_lifecycle_event'] === undefined) {
    return ancestors; // npm sets it for every script that it runs.
  }
  let pid = process.ppid;
  while (pid > 1) {
    const state = readProcess(pid);
    if (state === undefined) {
      break;
    }
    ancestors.set(pid, state.startTime);
    if (state.isNpm) {
      return ancestors;
    }
    pid = state.parentPid;
  }
  // No npm in sight (it runs in another process namespace, or there is no /proc): the parent is all that can be watched.
  return new Map([[process.ppid, ancestors.get(process.ppid)]]);
}

function hasGone(pid: number, startTime: string | undefined): boolean {
  if (startTime === undefined) {
    return false; // Without /proc only the change of our parent's id tells, which the caller compares.
  }
  return readProcess(pid)?.startTime !== startTime;
}

/** @returns undefined when there is no such process (or no /proc), and for a dead one that its parent has not collected yet. */
function readProcess(pid: number): ProcessState | undefined {
  try {
    // "pid (name) state parent …": the name may hold spaces and parentheses, so the fields are counted from the last parenthesis (proc(5)).
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, parentPid] = fields;
    const startTime = fields[19];
    if (state === 'Z' || state === 'X' || parentPid === undefined || startTime === undefined) {
      return undefined;
    }
    const commandLine = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
    return { parentPid: Number(parentPid), startTime, isNpm: /^npm(?: |\0|$)|[/\\]npm(?:-cli\.js)?(?:\0|$)/.test(commandLine) };
  } catch {
    // Decided: whatever keeps the files from being read (ENOENT, ESRCH), the process cannot be seen.
    return undefined;
  }
}
