import { readFile } from 'node:fs/promises';
import { RivuletError } from '@rivulet/errors';
import { inTransaction, readCatalogue, withClient } from '@rivulet/postgres';
import type { KnownTypes } from '@rivulet/snapshot';
import type { ClientBase, Pool } from 'pg';
import { parseDatasetsFile, type DatasetsFile } from '../file/datasets-file';
import { describeDataset, describeScope, type Dataset, type ScopeDefinition } from './describe-datasets';
import { FileProblems } from '../file/file-problems';

/** The valid part of a datasets file, and the problems in the rest. */
export interface ExaminedFile {
  file: DatasetsFile;
  scope: ScopeDefinition | undefined;
  datasets: Dataset[];
  problems: FileProblems;
}

/** Is told after each dataset how many are described. */
export type DescribedSoFar = (datasets: number, of: number) => void;

/**
 * Reads the file and has the source database describe its queries.
 *
 * @throws RivuletError DATASETS_FILE_INVALID when the file cannot be read at all · DATABASE_UNAVAILABLE
 */
export async function examineDatasetsFile(
  path: string,
  source: Pool,
  tell?: DescribedSoFar,
): Promise<ExaminedFile> {
  const text = await readText(path);
  const problems = new FileProblems();
  return describeDatasetsFile(parseDatasetsFile(path, text, problems), source, problems, tell);
}

/**
 * Has the source database describe the queries, each by itself. The datasets are described only if the scope query is
 * valid, as it defines their parameters.
 *
 * @throws RivuletError DATABASE_UNAVAILABLE
 */
export async function describeDatasetsFile(
  file: DatasetsFile,
  source: Pool,
  problems = new FileProblems(),
  tell?: DescribedSoFar,
): Promise<ExaminedFile> {
  if (file.scope === undefined) return { file, scope: undefined, datasets: [], problems };
  return withClient(source, (client) =>
    inTransaction(client, readCatalogue, () => describeFile(client, file, problems, tell)),
  );
}

async function describeFile(
  client: ClientBase,
  file: DatasetsFile,
  problems: FileProblems,
  tell?: DescribedSoFar,
): Promise<ExaminedFile> {
  const query = file.scope!;
  const types: KnownTypes = new Map();
  const columns = await problems.attemptAsync(() => describeScope(client, query, problems, types));
  if (columns === undefined) return { file, scope: undefined, datasets: [], problems };
  const datasets: Dataset[] = [];
  for (const [index, definition] of file.datasets.entries()) {
    const dataset = await problems.attemptAsync(() =>
      describeDataset(client, definition, columns, problems, types),
    );
    if (dataset !== undefined) datasets.push(dataset);
    tell?.(index + 1, file.datasets.length);
  }
  return { file, scope: { query, columns }, datasets, problems };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const nextStep = 'Set CENTRAL_DATASETS_FILE to the path of a readable file.';
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new RivuletError('DATASETS_FILE_INVALID', `The datasets file ${path} cannot be read (${reason}).`, {
      cause: error,
      nextStep,
    });
  }
}
