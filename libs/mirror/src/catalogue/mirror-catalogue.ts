import { schemaFingerprint } from '@rivulet/protocol';
import type { ClientBase } from 'pg';
import { columnTypeText } from './column-type-text';
import { placeKey, type MirrorPlace } from './mirror-place';

/** The comment that marks a table as a mirror. Only such tables are ever truncated, moved or dropped. */
const OWNERSHIP_COMMENT = 'Rivulet mirror of dataset ';

export function commentOf(name: string): string {
  return OWNERSHIP_COMMENT + name;
}

/** The comment of a mirror that stays after its dataset was removed. It still counts as a mirror if the dataset returns. */
export function detachedComment(name: string): string {
  return `${commentOf(name)}, which this device no longer has: the rows are not kept up to date`;
}

/** An object whose name a mirror needs, or had. */
export interface FoundObject extends MirrorPlace {
  /** `null` for a type without a relation. */
  oid: number | null;
  /** `table`, `view`, `domain` … */
  kind: string;
  isMirror: boolean;
  comment: string | null;
  columns: { name: string; type: string }[];
  key: string[];
  /** Whether a foreign key references it. */
  isReferenced: boolean;
}

/** A table that is a mirror. */
export interface FoundMirror extends FoundObject {
  oid: number;
}

export function isMirror(found: FoundObject | undefined): found is FoundMirror {
  return found?.isMirror === true;
}

// Reads pg_class by name and schema, the rest by OID. A relation also needs the name of a type; PostgreSQL renames an
// array type that has it.
const selectObjects = `
  SELECT wanted.schema, wanted.name AS "table", class.oid,
         CASE WHEN class.oid IS NULL
           THEN CASE type.typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum' ELSE 'type' END
           ELSE CASE class.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
             WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'composite type'
             WHEN 'f' THEN 'foreign table' ELSE 'index' END
         END AS kind,
         coalesce(class.relkind = 'r' AND starts_with(obj_description(class.oid, 'pg_class'), $3), false) AS "isMirror",
         obj_description(class.oid, 'pg_class') AS comment,
         ARRAY(SELECT json_build_object('name', attname, 'type', ${columnTypeText})
               FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped
               ORDER BY attnum) AS columns,
         ARRAY(SELECT attname::text
               FROM pg_index, unnest(indkey::int2[]) WITH ORDINALITY AS indexed (attnum, place)
               JOIN pg_attribute USING (attnum)
               WHERE indrelid = class.oid AND indisprimary AND attrelid = class.oid
               ORDER BY place) AS key,
         EXISTS (SELECT FROM pg_constraint WHERE confrelid = class.oid AND contype = 'f') AS "isReferenced"
  FROM unnest($1::text[], $2::text[]) AS wanted (schema, name)
  JOIN pg_namespace namespace ON nspname = wanted.schema
  LEFT JOIN pg_class class ON relname = wanted.name AND relnamespace = namespace.oid
  LEFT JOIN pg_type type ON typname = wanted.name AND typnamespace = namespace.oid
    AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = type.oid)
  WHERE class.oid IS NOT NULL OR type.oid IS NOT NULL`;

/** The objects at these places, by the key of the place. */
export async function inspectPlaces(
  client: ClientBase,
  places: MirrorPlace[],
): Promise<Map<string, FoundObject>> {
  const unique = [...new Map(places.map((place) => [placeKey(place), place])).values()];
  const { rows } = await client.query<FoundObject>(selectObjects, [
    unique.map(({ schema }) => schema),
    unique.map(({ table }) => table),
    OWNERSHIP_COMMENT,
  ]);
  return new Map(rows.map((found) => [placeKey(found), found]));
}

/** The schema fingerprint of a table as the mirror of this dataset. */
export function fingerprintOf(name: string, { columns, key }: FoundObject): string {
  return schemaFingerprint({ name, columns, key });
}

/** The schema fingerprint of the mirror in the database, or undefined if there is no mirror. */
export async function mirrorFingerprint(
  client: ClientBase,
  mirror: MirrorPlace & { name: string },
): Promise<string | undefined> {
  const found = (await inspectPlaces(client, [mirror])).get(placeKey(mirror));
  return isMirror(found) ? fingerprintOf(mirror.name, found) : undefined;
}
