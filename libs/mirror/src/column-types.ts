import { RivuletError, type ManifestTable } from '@rivulet/protocol';
import type { ClientBase } from 'pg';

/** A column as this server will hold it. */
export interface MirrorColumn {
  name: string;
  type: string;
  /** Whether values are compared by a collation; in a key that is then "C", on every server the same. */
  collatable: boolean;
}

// What format_type() prints, and nothing that could end a definition: no semicolon, no comment, no quote but ".
const typeText = /^[\p{L}\p{N}_ "().,[\]]+$/u;

/**
 * Looks each column's type up in the catalogue of this server.
 *
 * @throws RivuletError SCHEMA_UNSUPPORTED, naming the columns and their types
 */
export async function resolveColumns(client: ClientBase, table: ManifestTable): Promise<MirrorColumn[]> {
  const known = table.columns.map((column) => (typeText.test(column.type) ? column.type : ''));
  const { rows } = await client.query<{ exists: boolean; collatable: boolean }>(
    `SELECT to_regtype(type) IS NOT NULL AS exists,
            coalesce((SELECT typcollation <> 0 FROM pg_type WHERE oid = to_regtype(type)), false) AS collatable
     FROM unnest($1::text[]) WITH ORDINALITY AS wanted (type, position) ORDER BY position`,
    [known],
  );
  const missing = table.columns.filter((_, index) => !rows[index]!.exists);
  if (missing.length > 0) {
    const list = missing.map((column) => `column ${column.name} of type ${column.type}`).join(', ');
    throw new RivuletError(
      'SCHEMA_UNSUPPORTED',
      `This edge's PostgreSQL cannot hold table ${table.table}: ${list}.`,
    );
  }
  return table.columns.map((column, index) => ({ ...column, collatable: rows[index]!.collatable }));
}
