import { createHash } from 'node:crypto';

export interface Column {
  name: string;
  /** The type as PostgreSQL's format_type() prints it: `bigint`, `numeric(10,2)`, `timestamp with time zone`. */
  type: string;
}

/** What the rows of a dataset look like. Key columns come first in `columns`. */
export interface TableSchema {
  /** The dataset's name. */
  name: string;
  /** The name of its mirror on the edge. */
  table: string;
  columns: Column[];
  key: string[];
  /** Column lists of secondary indexes on the mirror. */
  indexes: string[][];
}

/**
 * Identifies the shape of a dataset's rows: name, columns with types, and key. 32 bytes as lower-case hex.
 * Hashed is the RFC 8785 (JCS) form of `["rivulet schema 1", name, [[column, type], …], [key, …]]`.
 */
export function schemaFingerprint(schema: Pick<TableSchema, 'name' | 'columns' | 'key'>): string {
  const columns = schema.columns.map((column) => [column.name, column.type]);
  return sha256Hex(JSON.stringify(['rivulet schema 1', schema.name, columns, schema.key]));
}

/** Identifies all that an edge must build for a manifest: every table's fingerprint, place and indexes, by name. */
export function schemaVersion(tables: TableSchema[]): string {
  const entries = tables
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((table) => [table.name, schemaFingerprint(table), table.table, table.indexes]);
  return sha256Hex(JSON.stringify(['rivulet schema version 1', entries]));
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
