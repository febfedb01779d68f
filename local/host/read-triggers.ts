/**
 * Turns what the app registered into triggers that this host can drive, and refuses the rest by name.
 *
 * @module
 */
import type { RegisteredFunction } from './app-registry.ts';
import type { Binding } from './core-types.ts';
import { parseSchedule } from '../../shared/ncrontab.ts';
import type { Schedule } from '../../shared/ncrontab.ts';
import { resolveAppSettings } from './resolve-app-settings.ts';
import { parseRoute } from './route-template.ts';
import type { Route } from './route-template.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface TriggerCommon {
  readonly name: string;
  readonly fn: RegisteredFunction;
  /** Name of the trigger's binding, under which its input travels. */
  readonly bindingName: string;
  /** Switched off by the app setting `AzureWebJobs.<name>.Disabled`. */
  readonly disabled: boolean;
}

export interface TimerTrigger extends TriggerCommon {
  readonly type: 'timer';
  readonly schedule: Schedule;
}

export interface QueueTriggerInfo extends TriggerCommon {
  readonly type: 'queue';
  readonly queueName: string;
  /** The app setting that says where the queue is; `AzureWebJobsStorage` unless the app chose another. */
  readonly connectionName: string;
}

export interface HttpTrigger extends TriggerCommon {
  readonly type: 'http';
  readonly route: Route;
  /** In upper case. */
  readonly methods: readonly string[];
  /** Recorded only: locally everybody may call. */
  readonly authLevel: string;
}

export type Trigger = TimerTrigger | QueueTriggerInfo | HttpTrigger;

/**
 * Reads the triggers of all functions.
 *
 * @throws Error that names the function and what this host cannot do for it. Refused are other triggers, inputs and outputs by binding, and retry policies:
 *   an app that relied on them would behave differently here.
 */
export function readTriggers(functions: Iterable<RegisteredFunction>, environment: Environment): Trigger[] {
  return [...functions].map((fn) => readTrigger(fn, environment));
}

function readTrigger(fn: RegisteredFunction, environment: Environment): Trigger {
  const { name, bindings, retryOptions } = fn.metadata;
  const where = `function ${name}`;
  const entries = Object.entries(bindings);
  const trigger = entries.find(([, binding]) => /trigger$/i.test(binding.type));
  if (trigger === undefined) {
    throw new Error(`${where} has no trigger`);
  }
  const [bindingName, binding] = trigger;
  const other = entries.find(
    ([key, { type }]) => key !== bindingName && !(binding.type === 'httpTrigger' && key === '$return' && type === 'http'),
  );
  if (other !== undefined) {
    throw new Error(
      `${where} has the binding "${other[0]}" (${other[1].type}); the local host supports triggers only, no input or output bindings`,
    );
  }
  if (retryOptions !== undefined) {
    throw new Error(`${where} has a retry policy; the local host does not run those`);
  }
  const disabledSetting = environment[`AzureWebJobs.${name}.Disabled`]?.toLowerCase();
  const common = { name, fn, bindingName, disabled: disabledSetting === 'true' || disabledSetting === '1' };
  const text = (setting: string, otherwise?: string): string =>
    resolveAppSettings(readText(binding, setting, where, otherwise), environment, where);

  switch (binding.type) {
    case 'timerTrigger':
      return { ...common, type: 'timer', schedule: readSchedule(text('schedule'), where) };
    case 'queueTrigger':
      return {
        ...common,
        type: 'queue',
        queueName: text('queueName'),
        connectionName: readText(binding, 'connection', where, 'AzureWebJobsStorage'),
      };
    case 'httpTrigger': {
      const methods = (binding['methods'] as string[]).map((method) => method.toUpperCase());
      return {
        ...common,
        type: 'http',
        route: parseRoute(text('route', name), where),
        methods,
        authLevel: readText(binding, 'authLevel', where, 'function'),
      };
    }
    default:
      throw new Error(`${where} has a ${binding.type}; the local host drives timer, queue and HTTP triggers only`);
  }
}

function readText(binding: Binding, setting: string, where: string, otherwise?: string): string {
  const value = binding[setting] ?? otherwise;
  if (typeof value !== 'string' || value === '') {
    throw new Error(`${where} has no ${setting}`);
  }
  return value;
}

function readSchedule(expression: string, where: string): Schedule {
  try {
    const schedule = parseSchedule(expression);
    if (schedule.nextAfter(new Date()) === undefined) {
      throw new Error(`the schedule "${expression}" never comes`);
    }
    return schedule;
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}
