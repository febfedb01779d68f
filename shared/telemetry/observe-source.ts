/**
 * Measures how long the source takes to answer, and tells when it refuses the sign-in.
 *
 * @module
 */
import type { ItemSource } from '../telemessage/item-source.ts';
import type { Telemetry } from './telemetry.ts';

/** A source that can say that its user name and password are refused. */
type ObservableSource = ItemSource & { signInRefused?(): boolean };

/**
 * Wraps a source. For a listing the whole answer is measured; for an item the time until its bytes begin, because their number says nothing of the source.
 *
 * Each call that a refused sign-in stops counts, not the refusal alone: the state lasts until somebody acts, and so has the alert.
 *
 * @param clock - In ms, never going back. @defaultValue that of the process
 */
export function observeSource(source: ObservableSource, telemetry: Telemetry, clock: () => number = () => performance.now()): ItemSource {
  async function observe<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    const start = clock();
    try {
      return await call();
    } finally {
      // Such a call is refused without a request, so it has no latency.
      if (source.signInRefused?.() === true) telemetry.count('archive.source.sign_in_refused');
      else telemetry.record('archive.source.latency_ms', clock() - start);
    }
  }

  return {
    listPage: (window, cursor) => observe(() => source.listPage(window, cursor)),
    openItem: (id) => observe(() => source.openItem(id)),
  };
}
