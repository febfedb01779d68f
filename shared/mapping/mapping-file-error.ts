/**
 * Says everything that is wrong with a mapping file, by line, so that one round of corrections is enough.
 *
 * @module
 */

/** One thing that is wrong. */
export interface MappingProblem {
  /** Line of the file, from 1. */
  readonly line: number;
  /** What is wrong and what to do; never a number or an address. */
  readonly problem: string;
}

/** Problems that are told one by one; a file of 500,000 bad rows has one cause. */
const TOLD_PROBLEMS = 100;

/** The mapping file is refused as a whole. */
export class MappingFileError extends Error {
  override readonly name = 'MappingFileError';
  /** The first hundred problems in order of their lines. */
  readonly problems: readonly MappingProblem[];

  /** @param problems - All problems, at least one. */
  constructor(problems: readonly MappingProblem[]) {
    const told = problems.toSorted((a, b) => a.line - b.line).slice(0, TOLD_PROBLEMS);
    const more = problems.length - told.length;
    super(
      `The mapping file is refused as a whole, since a row that is left out would send messages elsewhere:\n${told
        .map(({ line, problem }) => `  line ${line}: ${problem}`)
        .join('\n')}${more > 0 ? `\n  and ${more} more` : ''}`,
    );
    this.problems = told;
  }
}
