/**
 * What every child of `forkChild` runs before its own module: it ends when its parent asks, and when its parent is gone.
 *
 * The IPC channel closes with any end of the parent, `kill -9` included, and its `disconnect` starts the clean-up. A child whose event loop is
 * blocked never sees it, and a clean-up may never end; so a small thread watches the parent's process id and kills what is left.
 *
 * @module
 */
import { isMainThread, Worker } from 'node:worker_threads';

/** `asked`: the parent wants an orderly end. `parent gone`: nobody waits any more; only save what must not be lost. */
export type StopReason = 'asked' | 'parent gone';

/** The message by which the parent asks for the end. Its name is no word of any other message between our processes. */
export const STOP_MESSAGE = 'local-processes:stop';

/** The environment variable through which the parent tells its process id; it is taken out of the child's environment at once. */
export const PARENT_PID_VARIABLE = 'LOCAL_PROCESSES_PARENT_PID';

/** Time that an orphan has for saving, in ms; then it is killed. */
const ORPHAN_GRACE_MS = 5_000;

/** True in a child of `forkChild`. Its signals and its end are then the parent's business. */
export const isForkedChild = isMainThread && process.channel !== undefined && process.env[PARENT_PID_VARIABLE] !== undefined;

const cleanups: ((reason: StopReason) => void | Promise<void>)[] = [];
let stopping: StopReason | undefined;

/**
 * Registers what is done before this process ends by its parent's wish or with its parent. The last one registered runs first.
 *
 * @param cleanup - Gets the reason. If it fails, the failure is printed and the process ends with code 1.
 */
export function onStop(cleanup: (reason: StopReason) => void | Promise<void>): void {
  cleanups.unshift(cleanup);
}

async function stop(reason: StopReason): Promise<void> {
  if (stopping !== undefined) {
    return;
  }
  stopping = reason;
  let code = 0;
  for (const cleanup of cleanups) {
    try {
      await cleanup(reason);
    } catch (error) {
      // The other clean-ups still have to run; the exit code tells the parent.
      console.error(error);
      code = 1;
    }
  }
  process.exit(code);
}

function watchParentFromThread(parentPid: number): void {
  const code = `
    const { workerData } = require('node:worker_threads');
    const gone = () => {
      if (process.ppid !== workerData.parentPid) return true;
      try { process.kill(workerData.parentPid, 0); return false; } catch (error) { return error.code === 'ESRCH'; }
    };
    const timer = setInterval(() => {
      if (!gone()) return;
      clearInterval(timer);
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData.graceMs);
    }, 500);`;
  const thread = new Worker(code, { eval: true, execArgv: [], env: {}, workerData: { parentPid, graceMs: ORPHAN_GRACE_MS } });
  thread.unref();
}

if (isForkedChild) {
  process.on('message', (message) => {
    if (message === STOP_MESSAGE) {
      void stop('asked');
    }
  });
  process.on('disconnect', () => void stop('parent gone'));

  // Ctrl-C and a closed terminal reach the whole process group. Only the parent acts on them, so that children end in order.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {});
  }
  // With the parent's end of the pipes gone every write fails (EPIPE); thrown, that would cut the clean-up short.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});

  watchParentFromThread(Number(process.env[PARENT_PID_VARIABLE]));
  delete process.env[PARENT_PID_VARIABLE];
}
