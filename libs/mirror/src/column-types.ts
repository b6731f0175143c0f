import { RivuletError } from '@rivulet/protocol';
import { isPostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { placeText } from './mirror-place';
import type { MirrorShape } from './mirror-shape';

/** A column as this server will hold it. */
export interface MirrorColumn {
  name: string;
  type: string;
  /** Whether values are compared by a collation; in a key that is then "C", on every server the same. */
  collatable: boolean;
}

// What format_type() prints, and nothing that could end a definition.
const name = String.raw`(?:[\p{L}_][\p{L}\p{N}_$]*|"(?:[^"\0]|"")+")`;
const typmod = String.raw`(?:\((?:-?\d+|${name})(?:,(?:-?\d+|${name}))*\))?`;
const typeText = new RegExp(
  `^(?:${[
    'double precision',
    `(?:bit|character) varying${typmod}`,
    `time(?:stamp)?${typmod} with(?:out)? time zone`,
    `interval (?:year|month|day|hour|minute|second)(?: to (?:month|hour|minute|second))?${typmod}`,
    String.raw`${name}(?:\.${name})?${typmod}`,
  ].join('|')})(?:\\[\\])?$`,
  'u',
);

/**
 * Looks each column's type up in the catalogue of this server.
 *
 * @throws RivuletError SCHEMA_UNSUPPORTED, naming the columns and their types
 */
export async function resolveColumns(client: ClientBase, table: MirrorShape): Promise<MirrorColumn[]> {
  const types = table.columns.map((column) => (typeText.test(column.type) ? column.type : ''));
  const known = await lookUp(client, table, types);
  const missing = table.columns.filter((_, index) => !known[index]!.exists);
  if (missing.length > 0) {
    throw unsupported(
      table,
      missing.map((column) => `column ${column.name} of type ${column.type}`).join(', '),
    );
  }
  return table.columns.map((column, index) => ({ ...column, collatable: known[index]!.collatable }));
}

interface KnownType {
  exists: boolean;
  collatable: boolean;
}

async function lookUp(client: ClientBase, table: MirrorShape, types: string[]): Promise<KnownType[]> {
  try {
    const { rows } = await client.query<KnownType>(
      `SELECT type.oid IS NOT NULL AS exists, coalesce(type.typcollation <> 0, false) AS collatable
       FROM unnest($1::text[]) WITH ORDINALITY AS wanted (text, position)
       LEFT JOIN pg_type type ON type.oid = to_regtype(wanted.text) AND type.typtype IN ('b', 'r', 'm')
       ORDER BY position`,
      [types],
    );
    return rows;
  } catch (error) {
    // A reserved word, or a length that the type cannot have, is not answered with NULL.
    if (!isPostgresError(error) || !/^(22|42)/.test(error.code)) throw error;
    throw unsupported(table, `of a column's type PostgreSQL says: ${error.message}`, error);
  }
}

function unsupported(table: MirrorShape, reason: string, cause?: unknown): RivuletError {
  return new RivuletError(
    'SCHEMA_UNSUPPORTED',
    `This edge's PostgreSQL cannot hold table ${placeText(table)}: ${reason}.`,
    { cause },
  );
}
