/** The app with shorter waits, for a process of its own. @module */
import { shortenWaits } from './fault-limits.ts';

shortenWaits();
await import('../../functions/main.ts');
