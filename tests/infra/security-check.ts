/**
 * What a security check is, and the two comparisons that most of them make.
 *
 * @module
 */
import type { Deployment, Resource } from './bicep.ts';
import { at } from './read-resources.ts';

/** One property that a deployment must have. */
export interface SecurityCheck {
  readonly name: string;
  /** One line for each thing that breaks the property; none where it holds. */
  readonly findings: (deployment: Deployment) => readonly string[];
}

/** Says where a value is not what it must be. */
export function expectValues(resources: readonly Resource[], values: Readonly<Record<string, unknown>>): readonly string[] {
  if (resources.length === 0) return ['there is no such resource'];
  return resources.flatMap((resource) =>
    Object.entries(values)
      .filter(([path, value]) => JSON.stringify(at(resource, path)) !== JSON.stringify(value))
      .map(([path, value]) => `${resource.id}: ${path} is ${JSON.stringify(at(resource, path))}, expected ${JSON.stringify(value)}`),
  );
}

/** Says what is in one list and not in the other, or in the first one twice. */
export function difference(found: readonly string[], expected: readonly string[]): readonly string[] {
  return [
    ...found.filter((entry) => !expected.includes(entry)).map((entry) => `not expected: ${entry}`),
    ...expected.filter((entry) => !found.includes(entry)).map((entry) => `missing: ${entry}`),
    ...found.filter((entry, index) => found.indexOf(entry) !== index).map((entry) => `twice: ${entry}`),
  ];
}
