import { copyIn } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { keyColumns } from '../ranges/key-range';
import { columnDefinitionList, columnDefinitions, columnList, type Mirror } from '../table/mirror-table';

/** Temporary tables for the received rows and keys of a merge. The commit drops them. */
export type StagingTable = 'rivulet_rows' | 'rivulet_keys';

/** PostgreSQL numbers the columns of a table, also those that are gone, up to 1,600, and looks at all of them each time. */
const COLUMN_NUMBERS_MAX = 400;

const findTable = `
  SELECT ARRAY(SELECT quote_ident(attname) FROM pg_attribute
               WHERE attrelid = staging AND attnum > 0 AND NOT attisdropped) AS columns,
         (SELECT relnatts FROM pg_class WHERE oid = staging) AS numbers,
         EXISTS (SELECT FROM pg_constraint WHERE conrelid = staging AND contype = 'p') AS "hasKey"
  FROM to_regclass($1) AS staging WHERE staging IS NOT NULL`;

/**
 * Makes the table empty, and gives it its columns: those of the mirror for `rivulet_rows`, those of its key for
 * `rivulet_keys`. A transaction keeps the locks of all tables that it makes, four each, and so a table that is there gets
 * the columns of the next mirror: with a thousand mirrors the server's locks would not do.
 */
export async function createStaging(
  client: ClientBase,
  mirror: Mirror,
  staging: StagingTable,
): Promise<void> {
  const columns = staging === 'rivulet_rows' ? mirror.columns : keyColumns(mirror);
  const { rows } = await client.query<{ columns: string[]; numbers: number; hasKey: boolean }>(findTable, [
    `pg_temp.${staging}`,
  ]);
  const [found] = rows;
  if (found !== undefined && found.numbers + columns.length <= COLUMN_NUMBERS_MAX) {
    const changes = [
      ...(found.hasKey ? [`DROP CONSTRAINT ${keyName(staging)}`] : []),
      ...found.columns.map((name) => `DROP COLUMN ${name}`),
      ...columnDefinitionList(columns, mirror.keyColumns).map((definition) => `ADD COLUMN ${definition}`),
    ];
    await client.query(
      `TRUNCATE pg_temp.${staging}; ALTER TABLE pg_temp.${staging} ${changes.join(', ')}; TRUNCATE pg_temp.${staging}`,
    );
    return;
  }
  if (found !== undefined) await client.query(`DROP TABLE pg_temp.${staging}`);
  await client.query(
    `CREATE TEMPORARY TABLE ${staging} (${columnDefinitions(columns, mirror.keyColumns)}) ON COMMIT DROP`,
  );
}

function keyName(staging: StagingTable): string {
  return `${staging}_key`;
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
  await client.query(
    `ALTER TABLE pg_temp.${staging} ADD CONSTRAINT ${keyName(staging)} PRIMARY KEY (${columnList(keyColumns(mirror))})`,
  );
}

/** Gives their room back before the next mirror uses them. */
export async function emptyStaging(client: ClientBase, ...staging: StagingTable[]): Promise<void> {
  await client.query(`TRUNCATE ${staging.map((name) => `pg_temp.${name}`).join(', ')}`);
}
