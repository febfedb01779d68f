/**
 * Counts what is under way in the host, so that "nothing is left to do" can be told.
 *
 * @module
 */

/** Work of all triggers of one host. */
export interface Activity {
  /** Pieces of work under way. */
  readonly underWay: number;
  /** Pieces of work ever begun. Unchanged between two looks, nothing has begun in between. */
  readonly begun: number;
  /** Runs a piece of work and counts it until it has ended. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** @param onIdle - Called each time the last piece of work under way has ended. */
export function createActivity(onIdle: () => void): Activity {
  let underWay = 0;
  let begun = 0;
  let waiting: (() => void)[] = [];
  return {
    get underWay() {
      return underWay;
    },
    get begun() {
      return begun;
    },
    async during(work) {
      underWay += 1;
      begun += 1;
      try {
        return await work();
      } finally {
        underWay -= 1;
        if (underWay === 0) {
          waiting.forEach((resolve) => resolve());
          waiting = [];
          onIdle();
        }
      }
    },
    idle: () =>
      new Promise((resolve) => {
        if (underWay === 0) {
          resolve();
        } else {
          waiting.push(resolve);
        }
      }),
  };
}
