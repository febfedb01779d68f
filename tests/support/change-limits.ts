/**
 * Shorter times and smaller pages for one test.
 *
 * @module
 */
import type { TestContext } from 'node:test';
import { limits } from '../../shared/limits.ts';

/** Changes limits until the test ends. */
export function changeLimits(context: TestContext, changes: Partial<Record<keyof typeof limits, number>>): void {
  const changeable = limits as Record<keyof typeof limits, number>;
  const before = { ...changeable };
  Object.assign(changeable, changes);
  context.after(() => Object.assign(changeable, before));
}
