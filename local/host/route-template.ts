/**
 * Route templates of HTTP functions: `parked`, `parked/{id}`, `parked/{id?}`, `files/{*path}`.
 *
 * @module
 */

/** A parsed template. */
export interface Route {
  readonly template: string;
  /** Orders routes: of two that match, the one with the greater rank is meant, a fixed word going before a parameter. */
  readonly rank: string;
  /** @returns the parameters; undefined when the path does not match. */
  match(path: string): Record<string, string> | undefined;
}

/**
 * Parses a template.
 *
 * @param where - What the route belongs to, for the error.
 * @throws Error for anything but fixed segments and whole-segment parameters; type constraints (`{id:int}`) are not supported.
 */
export function parseRoute(template: string, where: string): Route {
  const segments = template.split('/').filter((segment) => segment !== '');
  const parameters: (string | undefined)[] = [];
  const patterns = segments.map((segment, index) => {
    if (!/[{}]/.test(segment)) {
      parameters.push(undefined);
      return `/${segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`;
    }
    const [, star, name, optional] = /^\{(\*?)(\w+)(\??)\}$/.exec(segment) ?? [];
    const isLast = index === segments.length - 1;
    if (name === undefined || ((star !== '' || optional !== '') && !isLast)) {
      throw new Error(`${where} has the route "${template}"; supported are fixed segments, {name}, and as the last one {name?} or {*name}`);
    }
    parameters.push(name);
    if (star !== '') {
      return '(?:/(.*))?';
    }
    return optional === '' ? '/([^/]+)' : '(?:/([^/]+))?';
  });
  const pattern = new RegExp(`^${patterns.join('')}/?$`, 'i');
  const names = parameters.filter((name) => name !== undefined);
  return {
    template,
    rank: segments.map((segment) => (segment.startsWith('{*') ? '0' : segment.startsWith('{') ? '1' : '2')).join(''),
    match(path) {
      const found = pattern.exec(`/${path.replace(/^\/+/, '')}`);
      if (!found) {
        return undefined;
      }
      const values: [string, string][] = [];
      for (const [index, name] of names.entries()) {
        const value = found[index + 1];
        if (value !== undefined && value !== '') {
          values.push([name, value]);
        }
      }
      return Object.fromEntries(values);
    },
  };
}
