/**
 * Starts a child process that can never outlive its parent, and tells how it ended.
 *
 * @module
 */
import { fork } from 'node:child_process';
import type { Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import { addChild, removeChild } from './stop-children.ts';
import { PARENT_PID_VARIABLE, STOP_MESSAGE } from './exit-with-parent.ts';

/** What {@link forkChild} is told about the child. */
export interface ChildOptions {
  /** What the child is, for messages to a person: `Azurite`, `functions host`. */
  name: string;
  /** Command-line arguments. */
  args?: readonly string[];
  /** Environment variables, beside the few machine variables that every child gets ({@link MACHINE_VARIABLES}). */
  env?: Readonly<Record<string, string>>;
  /** Flags for Node itself. */
  execArgv?: readonly string[];
  /** Gets each IPC message of the child. */
  onMessage?: (message: unknown) => void;
  /** Gets each line that the child prints. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Told when the child ends without having been asked to; the error names it, its exit code and its last lines on stderr. */
  onUnexpectedEnd: (error: Error) => void;
}

/** How a child ended. */
export interface ChildEnd {
  /** Exit code; null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** True when `stop` or `kill` was called before. */
  expected: boolean;
  /** The last lines on stderr, oldest first. */
  lastErrorLines: readonly string[];
}

/** A running child. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /**
   * Sends an IPC message.
   *
   * @throws Error when the child has ended.
   */
  send(message: object): void;
  /** Resolves when the process has ended and everything it printed has been read. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /**
   * Asks the child to end, and kills it if it has not after the grace.
   *
   * @param graceMs - Time to end by itself, in ms. @default 15000
   */
  stop(graceMs?: number): Promise<ChildEnd>;
  /** Kills the child at once, as a crash would. */
  kill(): Promise<ChildEnd>;
}

/**
 * The variables of this machine that a child needs. Nothing else of our own environment is handed on: a developer's shell may hold
 * settings of a real storage account or tenant, and a local run must never reach those.
 */
export const MACHINE_VARIABLES = [
  'PATH',
  'HOME',
  'TMPDIR',
  'TEMP',
  'TMP',
  'LANG',
  'TZ',
  'SystemRoot',
  'USERPROFILE',
  'NODE_V8_COVERAGE',
  'NODE_COMPILE_CACHE',
] as const;

/** Lines of stderr kept for the report on a child that died: a stack trace is about 15. */
const LINES_KEPT = 20;

/**
 * Forks a Node child with an IPC channel. It ends with this process whatever ends it, `kill -9` included; SIGINT, SIGTERM and SIGHUP to this
 * process stop all children, the last started first.
 *
 * @param modulePath - The module to run (a `.ts` file is fine).
 * @returns the child, at once; that it is ready is for the child's own first message to say. Send nothing before that message.
 * @throws Error when the process cannot be started.
 */
export function forkChild(modulePath: string, options: ChildOptions): Child {
  const process_ = fork(modulePath, options.args ?? [], {
    env: childEnvironment(options.env),
    execArgv: [...(options.execArgv ?? []), '--import', import.meta.resolve('./exit-with-parent.ts')],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A group of its own: a kill -9 of ours (kill -9 -PID) must leave a child the moment in which it saves, or Azurite loses its last 5 s.
    detached: true,
  });
  const pid = process_.pid;
  if (pid === undefined) {
    process_.on('error', () => {}); // The same failure again, as an event; the throw below reports it.
    throw new Error(`${options.name} could not be started: no process was created for ${modulePath}`);
  }

  let expected = false;
  let hasEnded = false;
  const lastErrorLines: string[] = [];
  readLines(process_.stdout, (line) => options.onLine?.(line, 'stdout'));
  readLines(process_.stderr, (line) => {
    lastErrorLines.push(line.slice(0, 2_000));
    lastErrorLines.splice(0, lastErrorLines.length - LINES_KEPT);
    options.onLine?.(line, 'stderr');
  });
  process_.on('message', (message) => options.onMessage?.(message));
  // A message sent to a child that is just ending fails here. Its end is reported below, with the reason that matters.
  process_.on('error', () => {});

  const ended = new Promise<ChildEnd>((resolve) => {
    process_.on('close', (code, signal) => {
      hasEnded = true;
      removeChild(child);
      const end: ChildEnd = { code, signal, expected, lastErrorLines };
      if (!expected) {
        options.onUnexpectedEnd(new Error(describeEnd(options.name, end)));
      }
      resolve(end);
    });
  });

  const child: Child = {
    name: options.name,
    pid,
    ended,
    send(message) {
      if (hasEnded || !process_.connected) {
        throw new Error(`${options.name} has ended and takes no more messages`);
      }
      process_.send(message);
    },
    async stop(graceMs = 15_000) {
      expected = true;
      if (process_.connected) {
        process_.send(STOP_MESSAGE);
      }
      const deadline = setTimeout(() => process_.kill('SIGKILL'), graceMs);
      const end = await ended;
      clearTimeout(deadline);
      return end;
    },
    kill() {
      expected = true;
      process_.kill('SIGKILL');
      return ended;
    },
  };
  addChild(child);
  return child;
}

function childEnvironment(own: Readonly<Record<string, string>> = {}): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of MACHINE_VARIABLES) {
    const value = process.env[name];
    if (value !== undefined) {
      environment[name] = value;
    }
  }
  return { ...environment, ...own, [PARENT_PID_VARIABLE]: String(process.pid) };
}

function readLines(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream) {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', onLine);
  }
}

function describeEnd(name: string, end: ChildEnd): string {
  const how = end.signal === null ? `exit code ${String(end.code)}` : `signal ${end.signal}`;
  const lines = end.lastErrorLines.length > 0 ? `; its last lines were:\n${end.lastErrorLines.join('\n')}` : '; it printed no error';
  return `${name} ended unexpectedly with ${how}${lines}`;
}
