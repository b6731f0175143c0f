import { createHash } from 'node:crypto';

export interface Column {
  name: string;
  /**
   * The type as PostgreSQL's format_type() prints it: `bigint`, `numeric(10,2)`, `timestamp with time zone`. The type of
   * an extension is `postgis.geometry(Point,4326)`, independent of its schema.
   */
  type: string;
}

/** The schema of a dataset and the options of its mirror. Key columns come first in `columns`. */
export interface TableSchema {
  /** The dataset's name. */
  name: string;
  /** The schema of the edge's database that its mirror is in. */
  schema: string;
  /** The name of the mirror. */
  table: string;
  columns: Column[];
  key: string[];
  /** Column lists of secondary indexes on the mirror. */
  indexes: string[][];
  /** Roles of the edge's PostgreSQL that may read the mirror. */
  grants: string[];
  /** The mirror's fate when a later manifest does not have the dataset. */
  onRemove: (typeof removals)[number];
  /**
   * The share of the mirror's rows, above 0 and at most 1, that a sync may delete without confirmation by an operator.
   * Undefined means no limit.
   */
  maxDeletedShare?: number;
}

export const removals = ['keep', 'drop'] as const;

/** The default schema of mirrors. */
export const DEFAULT_SCHEMA = 'public';

/** Whether a schema belongs to PostgreSQL or Rivulet, so that no mirror can be in it. */
export function isReservedSchema(name: string): boolean {
  return name === 'rivulet' || name === 'information_schema' || name.startsWith('pg_');
}

/**
 * Identifies the shape of a dataset's rows: name, columns with types, and key. 32 bytes as lower-case hex.
 * Hashed is the RFC 8785 (JCS) form of `["rivulet schema 1", name, [[column, type], …], [key, …]]`.
 */
export function schemaFingerprint(schema: Pick<TableSchema, 'name' | 'columns' | 'key'>): string {
  const columns = schema.columns.map((column) => [column.name, column.type]);
  return sha256Hex(JSON.stringify(['rivulet schema 1', schema.name, columns, schema.key]));
}

/**
 * Identifies the tables of a manifest with their options: everything except their content, in the order of their names.
 */
export function schemaVersion(tables: TableSchema[]): string {
  const entries = tables
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((table) => [
      table.name,
      schemaFingerprint(table),
      table.schema,
      table.table,
      table.indexes,
      table.grants,
      table.onRemove,
      table.maxDeletedShare ?? null,
    ]);
  return sha256Hex(JSON.stringify(['rivulet schema version 1', entries]));
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
