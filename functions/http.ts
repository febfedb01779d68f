/**
 * What all HTTP functions share: the caller is checked first, input is checked by a schema, and no error tells more than it should.
 *
 * @module
 */
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { z } from 'zod';
import { describeError } from '../shared/errors.ts';
import type { Pipeline } from '../shared/pipeline/pipeline.ts';
import { pipelineFor } from './archiver.ts';
import { callerOf, type Role } from './caller.ts';

/** The work of one route. */
export type Route = (pipeline: Pipeline, request: HttpRequest, caller: string, context: InvocationContext) => Promise<HttpResponseInit>;

/** Lets a route be called by those who have the role. */
export function forRole(role: Role, route: Route): HttpHandler {
  return async (request, context) => {
    const who = callerOf(request, role);
    if ('refusal' in who) return who.refusal;
    const pipeline = pipelineFor(context);
    try {
      return await route(pipeline, request, who.caller, context);
    } catch (error) {
      pipeline.log.error('http.failed', { route: context.functionName, error: describeError(error) });
      return { status: 500, jsonBody: { error: `It failed; the log tells why under ${context.invocationId}.` } };
    }
  };
}

/** The body as JSON; undefined where it is not. */
export async function readBody(request: HttpRequest): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    // What is not JSON is refused by every schema, with the fields that it expects.
    return undefined;
  }
}

/** Makes a schema say what it expects where it is given nothing, or something that is no object at all. @param form - In words. */
export function expected(form: string): { error: z.core.$ZodErrorMap } {
  return { error: ({ code, input }) => (code === 'invalid_type' && (typeof input !== 'object' || input === null) ? form : undefined) };
}

/**
 * Checks input and answers with what the work gives: 400 that names each bad field, 404 for undefined.
 *
 * @param work - Gets the checked input.
 */
export async function answer<Input>(
  schema: z.ZodType<Input>,
  input: unknown,
  work: (input: Input) => Promise<object | undefined>,
): Promise<HttpResponseInit> {
  const checked = schema.safeParse(input);
  if (!checked.success) {
    const problems = checked.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '));
    return { status: 400, jsonBody: { error: problems.join('; ') } };
  }
  const result = await work(checked.data);
  return result === undefined ? { status: 404, jsonBody: { error: 'There is no such item.' } } : { jsonBody: result };
}
