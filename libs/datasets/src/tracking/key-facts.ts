import { preparedStatement } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/** A table, as far as its rows can be told and found by a key. */
export interface KeyFacts {
  oid: string;
  /** With its schema, as SQL writes it. */
  name: string;
  columns: { attribute: number; name: string; type: string }[];
  indexes: KeyIndex[];
  /** Whether a cast or a type of the database could take the place of PostgreSQL's, where keys become texts and back. */
  isOwn: boolean;
}

/** By OID, as text; rivulet.note_body() notes keys of these. Their texts do not depend on the settings of a writer. */
export const KEY_TYPES: readonly string[] = '20 21 23 1700 2950 829 16 25 1043 1042 1082 1114 1184'.split(
  ' ',
);

/** An index over all rows that has them in the order of its columns. */
export interface KeyIndex {
  attributes: number[];
  /** For each column, whether it is sorted by the bytes of its text, or has no collation. */
  isBytewise: boolean[];
}

/** Undefined for what is no table with rows of its own. */
export async function readKeyFacts(client: ClientBase, oid: string): Promise<KeyFacts | undefined> {
  const { rows } = await client.query<KeyFacts>(facts, [oid, KEY_TYPES]);
  return rows[0];
}

/** Of an index, the leading columns count that are columns of the table, in their type's own order, all ascending. */
const facts = preparedStatement(
  'rivulet facts of keys',
  `
SELECT class.oid::text AS oid, format('%I.%I', nspname, relname) AS name,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('attribute', attnum, 'name', attname, 'type', atttypid::text)), '[]')
   FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped) AS columns,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('attributes', attributes, 'isBytewise', is_bytewise)), '[]')
   FROM pg_index JOIN pg_class index ON index.oid = indexrelid JOIN pg_am ON pg_am.oid = index.relam
   CROSS JOIN LATERAL (
     SELECT array_agg(attribute::int ORDER BY place) AS attributes,
       array_agg(coll IN (0, 'pg_catalog."C"'::regcollation) ORDER BY place) AS is_bytewise
     FROM (
       SELECT *, bool_and(attribute > 0 AND opcdefault AND option & 1 = 0) OVER (ORDER BY place) AS is_plain
       FROM unnest(indkey::int2[], indcollation::oid[], indclass::oid[], indoption::int2[])
         WITH ORDINALITY AS part (attribute, coll, class, option, place)
       JOIN pg_opclass ON pg_opclass.oid = part.class
       WHERE place <= indnkeyatts
     ) AS parts WHERE is_plain
   ) AS front
   WHERE indrelid = class.oid AND amname = 'btree' AND indisvalid AND indpred IS NULL AND attributes IS NOT NULL
  ) AS indexes,
  EXISTS (SELECT FROM pg_cast WHERE oid >= 16384 AND castsource = ANY ($2::oid[]) AND casttarget = ANY ($2::oid[]))
  OR EXISTS (SELECT FROM pg_type own JOIN pg_type known USING (typname) WHERE known.oid = ANY ($2::oid[])
    AND own.oid <> known.oid AND own.typnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(temp|toast)'))
  AS "isOwn"
FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE class.oid = $1::oid AND relkind = 'r' AND relpersistence = 'p'`,
);
