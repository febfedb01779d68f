/**
 * Shows a person how far a local run has come, in a line that is not repeated while nothing changes.
 *
 * @module
 */
import type { HostEvent } from './host/host-events.ts';

/** What {@link showProgress} gives. */
export interface Progress {
  begin(what: string): void;
  onEvent(event: HostEvent): void;
  onLine(line: string): void;
  onProblem(problem: string): void;
  /** Queue functions that ended so far. */
  invocations(): number;
  end(): void;
}

const EVERY_MS = 1000;
/** Lines of the app that a person has to see; the others are one an item. */
const WORTH_SHOWING = /^(?:warning |error )?(?:mapping\.|run\.interrupted|sweep\.failed|message\.parked|settings\.)|[Ee]rror/;

/** Starts to show. */
export function showProgress(): Progress {
  const ended = new Map<string, number>();
  let failed = 0;
  let shown = '';
  let begun = false;
  const show = () => {
    if (!begun) return;
    const count = (name: string) => ended.get(name) ?? 0;
    const line = `  downloaded ${count('downloadItem')} · imported or parked ${count('importItem')}${failed > 0 ? ` · to be tried again ${failed}` : ''}`;
    if (line !== shown) console.log(line);
    shown = line;
  };
  const timer = setInterval(show, EVERY_MS);
  return {
    begin(what) {
      begun = true;
      console.log(`Archiving ${what} …`);
    },
    onEvent(event) {
      if (event.kind !== 'invocationEnded' || event.dequeueCount === undefined) return;
      if (event.ok) ended.set(event.name, (ended.get(event.name) ?? 0) + 1);
      else failed += 1;
    },
    onLine(line) {
      if (WORTH_SHOWING.test(line)) console.log(`  ${line}`);
    },
    onProblem: (problem) => console.error(`  ${problem}`),
    invocations: () => [...ended.values()].reduce((one, other) => one + other, failed),
    end() {
      clearInterval(timer);
      show();
    },
  };
}
