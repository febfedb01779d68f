/**
 * The query options that the simulated Graph understands: which ones a request may carry, `$select`, `$top` and pages.
 *
 * @module
 */
import { GraphError, notSimulated } from './graph-error.ts';
import type { GraphRequest } from './graph-request.ts';

/**
 * The query options of a request.
 *
 * @param allowed - The options that this request may carry; any other is refused, because ignoring it would hide a mistake.
 * @throws GraphError 400 for another option or one that is given twice.
 */
export function readOptions<Name extends string>(request: GraphRequest, allowed: readonly Name[]): Partial<Record<Name, string>> {
  const options: Partial<Record<Name, string>> = {};
  for (const [name, value] of request.query) {
    const known = allowed.find((option) => option === name);
    if (known === undefined) throw notSimulated(`query option "${name}" on ${request.kind}`);
    if (options[known] !== undefined) throw new GraphError(400, 'BadRequest', `Query option '${name}' was specified more than once.`);
    options[known] = value;
  }
  return options;
}

/**
 * The names of `$select`.
 *
 * @param known - The properties that the type has.
 * @param type - For the error: `microsoft.graph.user` and so on.
 * @returns undefined where there is no `$select`.
 * @throws GraphError 400 for an unknown property, as Graph does.
 */
export function parseSelect(text: string | undefined, known: ReadonlySet<string>, type: string): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined;
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (!known.has(name)) {
      throw new GraphError(
        400,
        'BadRequest',
        `Parsing OData Select and Expand failed: Could not find a property named '${name}' on type '${type}'.`,
      );
    }
  }
  return new Set(names);
}

/** A copy of `source` with the named properties only, in the order of `names`; absent ones are left out. */
export function pick(source: Readonly<Record<string, unknown>>, names: Iterable<string>): Record<string, unknown> {
  const picked: Record<string, unknown> = {};
  for (const name of names) if (source[name] !== undefined) picked[name] = source[name];
  return picked;
}

function wholeNumber(name: string, text: string, highest: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= highest))
    throw new GraphError(400, 'BadRequest', `Invalid value '${text}' for ${name}: expected a number up to ${highest}.`);
  return value;
}

/** One page of a collection and the address of the next. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextLink?: string;
}

/**
 * Cuts a page out of a collection by `$top` and `$skip`.
 *
 * @param pageItems - The default page.
 * @throws GraphError 400 for a `$top` of 0 or above 1,000.
 */
export function cutPage<Item>(
  request: GraphRequest,
  all: readonly Item[],
  options: { readonly $top?: string; readonly $skip?: string },
  pageItems: number,
): Page<Item> {
  const top = options.$top === undefined ? pageItems : wholeNumber('$top', options.$top, 1000);
  if (top === 0) throw new GraphError(400, 'BadRequest', "Invalid value '0' for $top: it must be at least 1.");
  const skip = options.$skip === undefined ? 0 : wholeNumber('$skip', options.$skip, 999_999_999);
  const items = all.slice(skip, skip + top);
  if (skip + top >= all.length) return { items };
  const query = new URLSearchParams(request.query);
  query.set('$skip', String(skip + top));
  return { items, nextLink: `${request.address}?${query.toString()}` };
}

/** Graph's body of a collection. */
export function collection(values: readonly unknown[], nextLink: string | undefined, count?: number): object {
  return {
    ...(count === undefined ? {} : { '@odata.count': count }),
    value: values,
    ...(nextLink === undefined ? {} : { '@odata.nextLink': nextLink }),
  };
}
