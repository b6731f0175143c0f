import { FileProblems } from '@rivulet/datasets';

/** What a check finds, by what is to be done about it. */
export interface Findings {
  /** Central does not start, or a device is not served. */
  mistakes: FileProblems;
  /** Works, and is slow, or fails some day. */
  warnings: FileProblems;
  /** Is as it may be meant. */
  notes: FileProblems;
}

export function noFindings(): Findings {
  return { mistakes: new FileProblems(), warnings: new FileProblems(), notes: new FileProblems() };
}
