/**
 * Runs one invocation the way the Node worker does: pre-invocation hooks, the handler, post-invocation hooks, the answer.
 *
 * @module
 */
import type { AppRegistry, RegisteredFunction } from './app-registry.ts';
import type { CoreInvocationContext, FunctionCallback, InvocationRequest, InvocationResponse } from './core-types.ts';

interface Outcome {
  inputs: unknown[];
  result: unknown;
  error: unknown;
}

/** Data that the app's hooks share: across the app, and across its start and end. */
const appHookData = {};
const appLevelHookData = {};

/**
 * Runs a function once.
 *
 * @returns what the app answers; it matters to HTTP functions only.
 * @throws whatever the handler or a hook throws. A thrown `undefined` or `null` is success: the worker takes both for "no error".
 */
export async function invokeFunction(
  registry: AppRegistry,
  { metadata, callback }: RegisteredFunction,
  request: InvocationRequest,
): Promise<InvocationResponse> {
  // The model may log before it has made the context.
  const known: { context?: unknown } = {};
  const coreContext: CoreInvocationContext = {
    invocationId: request.invocationId,
    request,
    metadata,
    state: undefined,
    log: (level, category, message) =>
      registry.log({ level, category, message, functionName: metadata.name, invocationContext: known.context }),
  };
  const model = registry.programmingModel().getInvocationModel(coreContext);
  const given = await model.getArguments();
  const { context } = given;
  known.context = context;

  const shared = { hookData: {}, appHookData, invocationContext: context };
  const before = Object.assign(frozenData(shared), { inputs: given.inputs, functionCallback: callback });
  await during(coreContext, 'preInvocationHooks', () => registry.runHooks('preInvocation', before));

  const { inputs } = before;
  const handler: FunctionCallback = before.functionCallback;
  const after: Outcome = Object.assign(frozenData(shared), { inputs, result: null, error: null });
  try {
    after.result = await during(coreContext, 'invocation', () => model.invokeFunction(context, inputs, handler));
  } catch (error) {
    // Not lost: the hooks may look at it and replace it; then it is thrown.
    after.error = error;
  }
  await during(coreContext, 'postInvocationHooks', () => registry.runHooks('postInvocation', after));
  if (after.error !== null && after.error !== undefined) {
    throw after.error as Error;
  }
  return model.getResponse(context, after.result);
}

/**
 * Runs the app's start or end hooks.
 *
 * @param functionAppDirectory - Folder of the app, which start hooks may read.
 */
export async function runAppHooks(registry: AppRegistry, name: 'appStart' | 'appTerminate', functionAppDirectory: string): Promise<void> {
  await registry.runHooks(name, Object.assign(frozenData({ hookData: appLevelHookData, appHookData }), { functionAppDirectory }));
}

/** Hooks may change what is in these, but not put others in their place. */
function frozenData<Data extends object>(data: Data): Data {
  const properties = Object.entries(data).map(([name, value]) => [name, { value: value as unknown, enumerable: true, writable: false }]);
  return Object.defineProperties({}, Object.fromEntries(properties) as PropertyDescriptorMap) as Data;
}

async function during<Result>(
  context: CoreInvocationContext,
  state: NonNullable<CoreInvocationContext['state']>,
  work: () => Promise<Result>,
): Promise<Result> {
  context.state = state;
  try {
    return await work();
  } finally {
    context.state = undefined;
  }
}
