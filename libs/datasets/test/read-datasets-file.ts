import { parseDatasetsFile, type DatasetsFile } from '../src/file/datasets-file';
import { FileProblems } from '../src/file/file-problems';

/** Where the file is said to be. */
export const PATH = 'db/datasets.yaml';

/** The problems found, in the order of the file. */
export function problemsOf(source: string): string[] {
  const problems = new FileProblems();
  parseDatasetsFile(PATH, source, problems);
  return problems.list.map(({ message }) => message);
}

/** @throws RivuletError with all that is found */
export function read(source: string): DatasetsFile {
  const problems = new FileProblems();
  const file = parseDatasetsFile(PATH, source, problems);
  problems.throwIfAny();
  return file;
}
