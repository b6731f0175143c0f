import { isDeepStrictEqual } from 'node:util';
import { sentColumns } from '@rivulet/datasets';
import { inSavepoint, isPostgresError, isTransientRefusal } from '@rivulet/postgres';
import { describeQuery, QueryTextError, type DescribedColumn, type KnownTypes } from '@rivulet/snapshot';
import type { ClientBase } from 'pg';
import type { BoundDataset } from '../bound-dataset';

/**
 * Whether PostgreSQL describes the query as it did when the catalogue was made: then its rows are what the schema of
 * the dataset says. The locks that this takes on the tables keep it true until the end of the transaction. When it
 * refuses the query the transaction is as before.
 *
 * @param known - the types that other queries were found to have in this transaction
 */
export async function isDescriptionCurrent(
  client: ClientBase,
  { dataset, parameters }: BoundDataset,
  known: KnownTypes,
): Promise<boolean> {
  try {
    const { template } = dataset.definition.query;
    const returned = await inSavepoint(client, () => describeQuery(client, template, parameters, known));
    const columns = sentColumns(dataset.definition, returned);
    return isDeepStrictEqual(columns.toSorted(byName), dataset.columns.toSorted(byName));
  } catch (error) {
    if (!(error instanceof QueryTextError)) throw error;
    if (isPostgresError(error.cause) && isTransientRefusal(error.cause)) throw error.cause;
    return false;
  }
}

function byName(a: DescribedColumn, b: DescribedColumn): number {
  return a.name < b.name ? -1 : 1;
}
