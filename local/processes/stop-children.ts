/**
 * Ends the children of this process in order: the last started first, because it uses the ones before it.
 *
 * @module
 */
import { constants } from 'node:os';
import type { Child } from './fork-child.ts';
import { isForkedChild, onStop } from './exit-with-parent.ts';

const children: Child[] = [];
let prepared = false;

/** Takes a new child under the order of {@link stopChildren}. */
export function addChild(child: Child): void {
  children.push(child);
  if (prepared) {
    return;
  }
  prepared = true;
  if (isForkedChild) {
    // A child with children of its own ends when its parent says so, not by a signal to the group.
    onStop(() => stopChildren());
  } else {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, stopOnSignal);
    }
  }
}

/** Forgets a child that has ended. */
export function removeChild(child: Child): void {
  const index = children.indexOf(child);
  if (index >= 0) {
    children.splice(index, 1);
  }
}

/**
 * Stops every child, one after the other, the last started first.
 *
 * @param graceMs - Time for each to end by itself, in ms; then it is killed.
 */
export async function stopChildren(graceMs?: number): Promise<void> {
  let last = children.at(-1);
  while (last !== undefined) {
    await last.stop(graceMs);
    last = children.at(-1);
  }
}

let stoppingBySignal = false;

function stopOnSignal(signal: NodeJS.Signals): void {
  const code = 128 + constants.signals[signal];
  if (stoppingBySignal) {
    // A second Ctrl-C: whoever waits has had enough. The children end by their closed channels.
    process.exit(code);
  }
  stoppingBySignal = true;
  void stopChildren().then(() => process.exit(code));
}
