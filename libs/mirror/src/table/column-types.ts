import { RivuletError, type RivuletErrorOptions } from '@rivulet/errors';
import type { Column } from '@rivulet/protocol';
import { isPostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { readExtensionType, explainMissingType, type ExtensionType } from './extension-types';
import { placeText } from '../catalogue/mirror-place';
import type { MirrorShape } from '../catalogue/mirror-shape';

/** A column as this server stores it. */
export interface MirrorColumn {
  name: string;
  /** Its name in statements, independent of the search_path: an extension's type with its schema on this server. */
  type: string;
  /** The schema of the type's operators, unless it is pg_catalog. */
  operatorSchema?: string;
  /** Whether values are compared by a collation; in a key that is "C", which is the same on every server. */
  collatable: boolean;
}

// Matches what format_type() prints for PostgreSQL's own types, and nothing that could end a column definition.
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
 * Looks up the type of each column in the catalogue of this server.
 *
 * @throws RivuletError SCHEMA_UNSUPPORTED, naming the columns and their types
 */
export async function resolveColumns(client: ClientBase, table: MirrorShape): Promise<MirrorColumn[]> {
  const wanted = table.columns.map(toWanted);
  const known = await lookUp(client, table, wanted);
  const missing = table.columns.flatMap((column, index) =>
    known[index]!.exists ? [] : [{ column, extension: wanted[index]!.extension }],
  );
  if (missing.length > 0) await refuse(client, table, missing);
  return table.columns.map(({ name: columnName }, index) => {
    const { type, operatorSchema, collatable } = known[index]!;
    return { name: columnName, type: type!, ...(operatorSchema !== null && { operatorSchema }), collatable };
  });
}

interface WantedType {
  /** The text of a PostgreSQL type; empty if it is not one. */
  text: string;
  extension: ExtensionType | undefined;
}

function toWanted({ type }: Column): WantedType {
  const extension = readExtensionType(type);
  return { text: extension === undefined && typeText.test(type) ? type : '', extension };
}

interface KnownType {
  exists: boolean;
  type: string | null;
  operatorSchema: string | null;
  collatable: boolean;
}

// An extension's type is found through the extension, in any schema. Other types are looked up in pg_catalog only, as
// an application may have created one of the same name.
const selectTypes = `
  SELECT type.oid IS NOT NULL AS exists, local.text AS type, owned.schema AS "operatorSchema",
         coalesce(type.typcollation <> 0, false) AS collatable
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
    WITH ORDINALITY AS wanted (text, extension, name, modifiers, position)
  LEFT JOIN LATERAL (
    SELECT nspname AS schema, quote_ident(nspname) || '.' || quote_ident(typname) || wanted.modifiers AS text
    FROM pg_extension extension
    JOIN pg_depend ON refclassid = 'pg_extension'::regclass AND refobjid = extension.oid AND deptype = 'e'
    JOIN pg_type ON classid = 'pg_type'::regclass AND objid = pg_type.oid AND typname = wanted.name
    JOIN pg_namespace ON typnamespace = pg_namespace.oid
    WHERE extname = wanted.extension
  ) AS owned ON TRUE
  CROSS JOIN LATERAL (
    SELECT CASE WHEN wanted.extension IS NULL THEN wanted.text ELSE owned.text END AS text
  ) AS local
  LEFT JOIN pg_type type ON type.oid = to_regtype(local.text) AND type.typtype IN ('b', 'r', 'm')
    AND (wanted.extension IS NOT NULL OR type.typnamespace = 'pg_catalog'::regnamespace)
  ORDER BY position`;

async function lookUp(client: ClientBase, table: MirrorShape, wanted: WantedType[]): Promise<KnownType[]> {
  try {
    const { rows } = await client.query<KnownType>(selectTypes, [
      wanted.map(({ text }) => text),
      wanted.map(({ extension }) => extension?.extension ?? null),
      wanted.map(({ extension }) => extension?.name ?? null),
      wanted.map(({ extension }) => extension?.modifiers ?? null),
    ]);
    return rows;
  } catch (error) {
    // to_regtype() fails, instead of returning NULL, for a reserved word or an invalid length.
    if (!isPostgresError(error) || !/^(22|42)/.test(error.code)) throw error;
    throw unsupported(table, `PostgreSQL rejects the type of a column: ${error.message}`, { cause: error });
  }
}

async function refuse(
  client: ClientBase,
  table: MirrorShape,
  missing: { column: Column; extension: ExtensionType | undefined }[],
): Promise<never> {
  const nextSteps = new Set<string>();
  const reasons: string[] = [];
  for (const { column, extension } of missing) {
    const missingType = extension && (await explainMissingType(client, extension));
    if (missingType !== undefined) nextSteps.add(missingType.nextStep);
    reasons.push(
      `column ${column.name} of type ${column.type}${missingType === undefined ? '' : ` (${missingType.reason})`}`,
    );
  }
  const options = nextSteps.size === 0 ? {} : { nextStep: [...nextSteps].join(' ') };
  throw unsupported(table, reasons.join(', '), options);
}

function unsupported(table: MirrorShape, reason: string, options: RivuletErrorOptions): RivuletError {
  return new RivuletError(
    'SCHEMA_UNSUPPORTED',
    `This edge's PostgreSQL cannot hold table ${placeText(table)}: ${reason}.`,
    options,
  );
}
