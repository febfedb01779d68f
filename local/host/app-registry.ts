/**
 * Takes what the app registers — functions, hooks, its programming model — as the Node worker does.
 *
 * @module
 */
import { version as nodeVersion } from 'node:process';
import type { FunctionCallback, FunctionMetadata, HookCallback, HookName, LogCategory, LogLevel, ProgrammingModel } from './core-types.ts';

const HOOK_NAMES: readonly string[] = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] satisfies HookName[];

/** One registered function. */
export interface RegisteredFunction {
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

/** One log line of the app on its way out; `log` hooks may change its level and message. */
export interface AppLog {
  level: LogLevel;
  message: string;
  readonly category: LogCategory;
  /** The function that logs; undefined outside of an invocation. */
  readonly functionName?: string;
  readonly invocationContext?: unknown;
}

/** What the app has registered, and the module `@azure/functions-core` through which it does. */
export interface AppRegistry {
  /** The exports of `@azure/functions-core`. */
  readonly coreModule: object;
  readonly functions: ReadonlyMap<string, RegisteredFunction>;
  /** @throws Error when no `app.*` call was made. */
  programmingModel(): ProgrammingModel;
  /** Ends the time in which functions may be registered. */
  close(): void;
  /** Runs the hooks of a kind one after the other; the first that fails ends it with its error. */
  runHooks(name: Exclude<HookName, 'log'>, context: object): Promise<void>;
  log(line: AppLog): void;
}

/** A thing to undo, as the worker exports it: `registerHook` gives one back. */
class Disposable {
  readonly #undo: () => unknown;

  static from(...parts: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const part of parts) {
        part.dispose();
      }
    });
  }

  constructor(undo: () => unknown) {
    this.#undo = undo;
  }

  dispose(): unknown {
    return this.#undo();
  }
}

/**
 * Makes an empty registry.
 *
 * @param writeLog - Takes the app's log lines, after its `log` hooks.
 */
export function createAppRegistry(writeLog: (line: AppLog) => void): AppRegistry {
  const functions = new Map<string, RegisteredFunction>();
  const hooks: { name: string; callback: HookCallback }[] = [];
  let model: ProgrammingModel | undefined;
  let isClosed = false;

  function log(line: AppLog): void {
    const context = { ...line, hookData: {} };
    for (const hook of hooks.filter(({ name }) => name === 'log')) {
      hook.callback(context);
    }
    writeLog(context);
  }

  function registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    if (isClosed) {
      throw new Error(`function "${metadata.name}" is registered too late: a function can only be registered while the app is loaded`);
    }
    if (functions.has(metadata.name)) {
      throw new Error(`two functions are named "${metadata.name}"`);
    }
    functions.set(metadata.name, { metadata, callback });
    return new Disposable(() => functions.delete(metadata.name));
  }

  function registerHook(name: string, callback: HookCallback): Disposable {
    if (!HOOK_NAMES.includes(name)) {
      throw new RangeError(`there is no hook "${name}"; there are ${HOOK_NAMES.join(', ')}`);
    }
    const hook = { name, callback };
    hooks.push(hook);
    return new Disposable(() => hooks.splice(hooks.indexOf(hook), 1));
  }

  return {
    coreModule: {
      version: `3.0.0-local (Node ${nodeVersion})`,
      hostVersion: '4.1037.0-local',
      funcCliVersion: undefined,
      setProgrammingModel: (given: ProgrammingModel) => {
        model = given;
      },
      getProgrammingModel: () => model,
      registerFunction,
      registerHook,
      log: (level: LogLevel, category: LogCategory, message: string) => log({ level, category, message }),
      Disposable,
    },
    functions,
    programmingModel() {
      if (model === undefined) {
        throw new Error('the app registered no function: its entry must call app.timer, app.storageQueue or app.http while it is loaded');
      }
      return model;
    },
    close: () => {
      isClosed = true;
    },
    async runHooks(name, context) {
      for (const hook of hooks.filter((candidate) => candidate.name === name)) {
        await hook.callback(context);
      }
    },
    log,
  };
}
