// The module `@azure/functions-core` as the app sees it: whatever the host of this process has put here (see supply-core-module.ts).
module.exports = globalThis[Symbol.for('@azure/functions-core')];
