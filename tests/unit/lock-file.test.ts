/** The lock file serves every platform, and no registry. @module */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const text = readFileSync('package-lock.json', 'utf8');
const { packages } = JSON.parse(text) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> };

test('every platform’s optional package is in the lock file, or npm ci refuses it (scripts/complete-lock-file.ts mends it)', () => {
  const missing = Object.entries(packages).flatMap(([owner, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => packages[`node_modules/${name}`] === undefined && packages[`${owner}/node_modules/${name}`] === undefined,
    ),
  );
  assert.deepEqual(missing, []);
});

test('the lock file names no registry', () => {
  assert.equal(/"resolved": "https?:/.exec(text)?.[0], undefined);
});
