/**
 * Completes package-lock.json after `npm install`: npm leaves out the packages of other platforms where a registry did not answer for
 * one of them, and `npm ci` then refuses the lock file on every platform.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface LockedPackage {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const file = 'package-lock.json';
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, LockedPackage> };
/** Packages made of one binary for each platform; their names say which. */
const owners = ['oxlint', 'oxlint-tsgolint'];

for (const owner of owners) {
  for (const [name, version] of Object.entries(lock.packages[`node_modules/${owner}`]?.optionalDependencies ?? {})) {
    const [, os, cpu] = /(android|darwin|freebsd|linux|openharmony|win32)-(arm64|arm|x64|ia32|ppc64|riscv64|s390x)/.exec(name) ?? [];
    if (os === undefined || cpu === undefined) throw new Error(`${name} does not name a platform`);
    const libc = /musl|gnu/.exec(name)?.[0];
    lock.packages[`node_modules/${name}`] ??= {
      version,
      cpu: [cpu],
      dev: true,
      optional: true,
      os: [os],
      ...(libc === undefined ? {} : { libc: [libc === 'musl' ? 'musl' : 'glibc'] }),
    };
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).toSorted(([one], [other]) => (one < other ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
