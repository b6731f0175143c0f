import { copyIn } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { keyColumns } from './key-range';
import { columnDefinitions, columnList, type Mirror } from './mirror-table';

/** Temporary tables, in which a merge holds what it was sent. No reader sees them, and a commit ends them. */
export type StagingTable = 'rivulet_rows' | 'rivulet_keys';

/** Makes the table: `rivulet_rows` with the columns of the mirror, `rivulet_keys` with those of its key. */
export async function createStaging(
  client: ClientBase,
  mirror: Mirror,
  staging: StagingTable,
): Promise<void> {
  const columns = staging === 'rivulet_rows' ? mirror.columns : keyColumns(mirror);
  await client.query(
    `CREATE TEMPORARY TABLE ${staging} (${columnDefinitions(columns, mirror.keyColumns)}) ON COMMIT DROP`,
  );
}

/** Returns the number of rows that PostgreSQL took. With FREEZE no later statement writes hint bits. */
export function copyToStaging(
  client: ClientBase,
  staging: StagingTable,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<number> {
  return copyIn(client, `COPY pg_temp.${staging} FROM STDIN (FREEZE)`, content);
}

/**
 * Gives the filled table its key. With it PostgreSQL counts the rows and knows that each is there once: that is all
 * that the plans of the merge depend on, and ANALYZE need not read the table again. Where autovacuum is off it goes
 * by the size of the table, which does as well.
 */
export async function indexStaging(client: ClientBase, mirror: Mirror, staging: StagingTable): Promise<void> {
  await client.query(`ALTER TABLE pg_temp.${staging} ADD PRIMARY KEY (${columnList(keyColumns(mirror))})`);
}

/** Ends tables before the transaction does, so that there can be others for the next mirror. */
export async function dropStaging(client: ClientBase, ...staging: StagingTable[]): Promise<void> {
  await client.query(`DROP TABLE ${staging.map((name) => `pg_temp.${name}`).join(', ')}`);
}
