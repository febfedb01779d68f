/**
 * The app as it is deployed, with shorter waits: the entry that the kill tests bundle.
 *
 * @module
 */
import { shortenWaits } from './fault-limits.ts';

shortenWaits();
await import('../../functions/main.ts');
