/**
 * Bundles the app for the Functions worker, with chunks for what is loaded on demand.
 *
 * @module
 */
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: { 'functions/main': 'functions/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  chunkNames: 'functions/chunks/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node22',
  sourcemap: true,
  minifySyntax: true,
  legalComments: 'none',
  logLevel: 'warning',
  // The worker supplies it; a bundled copy would register nothing.
  external: ['@azure/functions-core'],
  // Bundled CommonJS packages ask for `require`, which an ES module does not have.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
});
