import { FileProblems } from '@rivulet/datasets';

/** The results of a check, by severity. */
export interface Findings {
  /** Central does not start, or cannot serve a device. */
  mistakes: FileProblems;
  /** Works, but is slow or may fail later. */
  warnings: FileProblems;
  /** May be intended. */
  notes: FileProblems;
}

export function noFindings(): Findings {
  return { mistakes: new FileProblems(), warnings: new FileProblems(), notes: new FileProblems() };
}
