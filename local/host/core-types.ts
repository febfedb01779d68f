/**
 * The part of the contract between `@azure/functions` and the Node worker that the local host keeps.
 *
 * The worker supplies these as the built-in module `@azure/functions-core`; there is no npm package of it to take the types from. Source: what
 * `@azure/functions` 4.16 reads and calls (its ProgrammingModel, InvocationModel and converters).
 *
 * @module
 */

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';
export type LogCategory = 'user' | 'system' | 'customMetric';

/** One value on its way between host and app; exactly one property is set. */
export interface TypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  int?: number;
  double?: number;
  http?: HttpData;
}

/** An HTTP request or response. */
export interface HttpData {
  method?: string;
  url?: string;
  headers?: Record<string, string>;
  query?: Record<string, string>;
  params?: Record<string, string>;
  body?: TypedData | null;
  statusCode?: string;
  cookies?: unknown[];
}

/** A trigger, an input or an output of a function, as the app registered it. */
export interface Binding {
  type: string;
  direction: 'in' | 'out';
  [setting: string]: unknown;
}

/** What `app.timer`, `app.storageQueue` and the like hand over, beside the handler. */
export interface FunctionMetadata {
  name: string;
  bindings: Record<string, Binding>;
  retryOptions?: unknown;
}

export type FunctionCallback = (...parameters: unknown[]) => unknown;

/** What the host sends for one invocation. */
export interface InvocationRequest {
  invocationId: string;
  inputData: { name: string; data: TypedData }[];
  triggerMetadata: Record<string, TypedData>;
}

/** What the app answers. */
export interface InvocationResponse {
  returnValue?: TypedData | null;
}

/** The view of one invocation that the worker gives to the programming model. */
export interface CoreInvocationContext {
  invocationId: string;
  request: InvocationRequest;
  metadata: FunctionMetadata;
  state: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined;
  log(level: LogLevel, category: LogCategory, message: string): void;
}

/** How `@azure/functions` runs one invocation. */
export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>;
}

/** What `@azure/functions` registers itself as. */
export interface ProgrammingModel {
  name: string;
  version: string;
  getInvocationModel(context: CoreInvocationContext): InvocationModel;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

export type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation' | 'log';
export type HookCallback = (context: object) => unknown;
