/**
 * Starts both simulators in a child process.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import { forkChild } from './processes/fork-child.ts';
import type { SimulatorsArguments, SimulatorsMessage } from './simulators-process.ts';

/** Running simulators. */
export interface Simulators extends SimulatorsMessage {
  readonly pid: number;
  stop(): Promise<unknown>;
}

/**
 * @param onEnd - Told when they die by themselves.
 * @throws Error with their last lines when they do not start.
 */
export function startSimulators(options: SimulatorsArguments, onEnd: (error: Error) => void): Promise<Simulators> {
  return new Promise((started, failed) => {
    const child = forkChild(fileURLToPath(import.meta.resolve('./simulators-process.ts')), {
      name: 'the simulators',
      args: [JSON.stringify(options)],
      onMessage: (message) => started({ ...(message as SimulatorsMessage), pid: child.pid, stop: () => child.stop() }),
      onUnexpectedEnd: (error) => {
        failed(error);
        onEnd(error);
      },
    });
  });
}
