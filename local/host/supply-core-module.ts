/**
 * Makes `@azure/functions-core` a module of this process, for `require` alone, as the Node worker does in Azure: an `import` of it fails there.
 *
 * @module
 */
import { registerHooks } from 'node:module';

/**
 * Supplies the module. `@azure/functions` looks for it once, at its first `app.*` call; so this comes before the app is loaded, and once a
 * process.
 *
 * @param api - What the module exports.
 * @throws Error when this process already has a host.
 */
export function supplyCoreModule(api: object): void {
  const key = Symbol.for('@azure/functions-core');
  if (key in globalThis) {
    throw new Error('this process already has a functions host; start another one in a process of its own (startHostProcess)');
  }
  Object.defineProperty(globalThis, key, { value: api });
  const url = import.meta.resolve('./functions-core.cjs');
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === '@azure/functions-core' && context.conditions.includes('require')
        ? { url, format: 'commonjs', shortCircuit: true }
        : next(specifier, context),
  });
}
