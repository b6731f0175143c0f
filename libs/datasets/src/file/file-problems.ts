import { closestName, RivuletError, type ErrorCode } from '@rivulet/errors';

/** The error message lists this many problems and counts the rest. */
const MAX_TOLD = 20;

/** A mistake in a file that its owner writes. Its message begins with its place, `path:line:column`. */
export class FileProblem extends Error {
  constructor(
    readonly place: string,
    readonly problem: string,
  ) {
    super(`${place}: ${problem}${/[.?]$/.test(problem) ? '' : '.'}`);
    this.name = 'FileProblem';
  }
}

/** Collects the problems of a file, to report them together. */
export class FileProblems {
  private readonly found = new Map<string, FileProblem>();

  /** Adds a problem, once: a shared block may be read several times. */
  add(place: string, problem: string): void {
    this.addProblem(new FileProblem(place, problem));
  }

  /** Returns the result of `work`, or undefined if it throws a FileProblem, which is added. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.keep(error);
      return undefined;
    }
  }

  async attemptAsync<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.keep(error);
      return undefined;
    }
  }

  get isEmpty(): boolean {
    return this.found.size === 0;
  }

  /** In the order of the file. */
  get list(): FileProblem[] {
    return [...this.found.values()].toSorted((a, b) => compare(positionOf(a), positionOf(b)));
  }

  /** @throws RivuletError with a line for each problem, and all of them in `errors` */
  throwIfAny(code: ErrorCode = 'DATASETS_FILE_INVALID'): void {
    if (this.isEmpty) return;
    const { list } = this;
    const lines = list.map((problem) => problem.message);
    const more = lines.length - MAX_TOLD;
    const told = more > 0 ? [...lines.slice(0, MAX_TOLD), `And ${more} more.`] : lines;
    const errors = list.map(({ place, problem }) => ({ field: place, reason: problem }));
    throw new RivuletError(code, told.join('\n'), { errors });
  }

  private keep(error: unknown): void {
    if (!(error instanceof FileProblem)) throw error;
    this.addProblem(error);
  }

  private addProblem(problem: FileProblem): void {
    if (!this.found.has(problem.message)) this.found.set(problem.message, problem);
  }
}

/** The candidate that was probably meant: it differs in case or spelling, or has more at its end. */
export function nearestName<Name extends string>(
  name: string,
  candidates: readonly Name[],
): Name | undefined {
  const folded = name.toLowerCase();
  const nearest =
    candidates.find((candidate) => candidate.toLowerCase() === folded) ??
    closestName(name, candidates) ??
    candidates.find((candidate) => name.length >= 3 && candidate.startsWith(name));
  return nearest as Name | undefined;
}

/** `. Did you mean email?`, or an empty string if no candidate is similar. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const meant = nearestName(name, candidates);
  return meant === undefined ? '' : `. Did you mean ${meant}?`;
}

function positionOf({ place }: FileProblem): [line: number, column: number] {
  const [line, column] = place.split(':').slice(-2).map(Number);
  return [line!, column!];
}

function compare(a: [number, number], b: [number, number]): number {
  return a[0] - b[0] || a[1] - b[1];
}
