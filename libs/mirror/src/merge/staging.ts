import { copyIn } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { keyColumns } from '../ranges/key-range';
import { columnDefinitions, columnList, type Mirror } from '../table/mirror-table';

/** Temporary tables for the received rows and keys of a merge. The commit drops them. */
export type StagingTable = 'rivulet_rows' | 'rivulet_keys';

/** Creates the table: `rivulet_rows` with the columns of the mirror, `rivulet_keys` with those of its key. */
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

/** Returns the number of rows. With FREEZE no later statement writes hint bits. */
export function copyToStaging(
  client: ClientBase,
  staging: StagingTable,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
): Promise<number> {
  return copyIn(client, `COPY pg_temp.${staging} FROM STDIN (FREEZE)`, content);
}

/**
 * Adds the primary key to the loaded table. With it PostgreSQL knows the number of rows and that keys are unique, which
 * is all that the plans of the merge depend on, so ANALYZE is not needed. If autovacuum is off PostgreSQL estimates by
 * the size of the table, which also works.
 */
export async function indexStaging(client: ClientBase, mirror: Mirror, staging: StagingTable): Promise<void> {
  await client.query(`ALTER TABLE pg_temp.${staging} ADD PRIMARY KEY (${columnList(keyColumns(mirror))})`);
}

/** Drops the tables before the commit, so that the next mirror can create its own. */
export async function dropStaging(client: ClientBase, ...staging: StagingTable[]): Promise<void> {
  await client.query(`DROP TABLE ${staging.map((name) => `pg_temp.${name}`).join(', ')}`);
}
