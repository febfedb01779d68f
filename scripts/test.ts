/**
 * `npm test`: runs every test file, shows what they say, and closes with a line of counts.
 *
 * @module
 */
import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const given = process.argv.slice(2);
const files = globSync(given.length > 0 ? given : 'tests/**/*.test.ts').sort();
if (files.length === 0) {
  console.error('No test file matches.');
  process.exit(1);
}
const counts = { passed: 0, failed: 0, skipped: 0 };
// Two at a time: each file has a storage emulator of its own, and more than the cores makes all of them slow.
const stream = run({ files, concurrency: 2 });
stream.on('test:pass', (test) => {
  if (test.skip !== undefined) counts.skipped += 1;
  else if (test.details.type !== 'suite') counts.passed += 1;
});
stream.on('test:fail', (test) => {
  if (test.details.type !== 'suite') counts.failed += 1;
});
stream.compose(spec).pipe(process.stdout);
stream.on('end', () => {
  process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
  process.on('exit', () => {
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
  });
});
