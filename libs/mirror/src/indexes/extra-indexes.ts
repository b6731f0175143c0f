import { isPostgresError } from '@rivulet/postgres';
import type { Column } from '@rivulet/protocol';
import { escapeIdentifier, type ClientBase } from 'pg';
import { columnTypeText } from '../catalogue/column-type-text';
import { dependentsError } from '../catalogue/dependents';
import type { FoundMirror } from '../catalogue/mirror-catalogue';
import { INDEX_COMMENT, renameIndex } from './mirror-indexes';
import type { Mirror } from '../table/mirror-table';
import { freeName } from '../catalogue/object-names';

/** An index that an application has created on a mirror. */
export interface ExtraIndex {
  oid: number;
  name: string;
  isUnique: boolean;
  /** Its definition from `USING` on. */
  definition: string;
  /** All columns that it uses, including those in expressions and in its condition. */
  columns: Column[];
}

// Indexes of constraints are left out: the constraint itself counts as a dependent object.
const selectIndexes = `
  SELECT class.oid, relname AS name, indisunique AS "isUnique",
         substr(pg_get_indexdef(class.oid), 1 + length(
           'CREATE ' || CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || quote_ident(relname)
           || ' ON ' || quote_ident($2) || '.' || quote_ident($3) || ' ')) AS definition,
         ARRAY(SELECT json_build_object('name', attname, 'type', ${columnTypeText})
               FROM pg_depend JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
               WHERE classid = 'pg_class'::regclass AND objid = class.oid AND refobjsubid > 0
                 AND refclassid = 'pg_class'::regclass AND refobjid = indrelid) AS columns
  FROM pg_index JOIN pg_class class ON class.oid = indexrelid
  WHERE indrelid = $1 AND indisvalid AND NOT indisprimary
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = class.oid AND contype IN ('u', 'x'))
    AND obj_description(class.oid, 'pg_class') IS DISTINCT FROM $4
  ORDER BY relname`;

export async function findExtraIndexes(
  client: ClientBase,
  { oid, schema, table }: FoundMirror,
): Promise<ExtraIndex[]> {
  return (await client.query<ExtraIndex>(selectIndexes, [oid, schema, table, INDEX_COMMENT])).rows;
}

/** Whether a table with these columns can have the index. */
export function canCarry(index: ExtraIndex, columns: Column[]): boolean {
  return index.columns.every(({ name, type }) =>
    columns.some((column) => column.name === name && column.type === type),
  );
}

/** An index, and the name of its copy on the new table. */
export interface CarriedIndex extends ExtraIndex {
  newName: string;
}

/**
 * Creates the same indexes on the table that replaces a mirror.
 *
 * @throws RivuletError MIRROR_HAS_DEPENDENTS when PostgreSQL rejects one
 */
export async function carryIndexes(
  client: ClientBase,
  indexes: ExtraIndex[],
  mirror: Mirror,
): Promise<CarriedIndex[]> {
  const carried: CarriedIndex[] = [];
  for (const index of indexes) {
    const { name, isUnique, definition } = index;
    const newName = await freeName(client, mirror.place.schema, name);
    const kind = isUnique ? 'UNIQUE INDEX' : 'INDEX';
    try {
      await client.query(
        `CREATE ${kind} ${escapeIdentifier(newName)} ON ${mirror.qualifiedName} ${definition}`,
      );
    } catch (error) {
      // A definition that does not fit the columns, a value that an expression rejects, or a duplicate key.
      if (!isPostgresError(error) || !/^(22|23|42)/.test(error.code)) throw error;
      throw dependentsError(
        [{ place: mirror.table, dependents: [`index ${name} (${error.message})`] }],
        error,
      );
    }
    carried.push({ ...index, newName });
  }
  return carried;
}

/** Gives the indexes their original names. Call it after the old table is dropped. */
export async function restoreIndexNames(
  client: ClientBase,
  schema: string,
  carried: CarriedIndex[],
): Promise<void> {
  for (const { name, newName } of carried) {
    if (name === newName || (await freeName(client, schema, name)) !== name) continue;
    await renameIndex(client, { schema, table: newName }, name);
  }
}
