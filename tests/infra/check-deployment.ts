/**
 * All security properties of a deployment.
 *
 * @module
 */
import { accessChecks } from './check-access.ts';
import { appChecks } from './check-app.ts';
import { privateNetworkChecks } from './check-network.ts';
import { storageChecks } from './check-storage.ts';
import type { SecurityCheck } from './security-check.ts';

/** What every deployment must have, with or without a private network. */
export const securityChecks: readonly SecurityCheck[] = [...storageChecks, ...accessChecks, ...appChecks];

export { privateNetworkChecks };
