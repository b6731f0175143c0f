import { preparedStatement } from '@rivulet/postgres';
import type { ClientBase } from 'pg';
import { bucketsOf, type HashFamily } from './value-buckets';

/** A table that a query reads, and what changes of it can be noted by. */
export interface TableFacts {
  oid: string;
  /** With its schema, as SQL writes it. */
  name: string;
  /** Whether it has rows of its own. */
  hasRows: boolean;
  /** OIDs of the tables that inherit from it, directly. */
  children: string[];
  columns: ColumnFacts[];
}

export interface ColumnFacts {
  attribute: number;
  name: string;
  type: string;
  /** The name of the type, as a cast has it. */
  typeName: string;
  /** Undefined where equal values can have different hashes. */
  family: HashFamily | undefined;
}

/** By OID, as text. `character` is bpchar. The functions for them are those of rivulet.note_body(). */
const families: Record<string, HashFamily> = {
  '20': 'integer',
  '21': 'integer',
  '23': 'integer',
  '25': 'text',
  '1043': 'text',
  '1042': 'character',
  '2950': 'uuid',
  '16': 'boolean',
  '829': 'macaddr',
};

const textFamilies: ReadonlySet<HashFamily> = new Set(['text', 'character']);

export async function readTableFacts(client: ClientBase, oids: string[]): Promise<Map<string, TableFacts>> {
  const { rows } = await client.query<Omit<TableFacts, 'columns'> & { columns: ColumnRow[] }>(tables, [oids]);
  return new Map(rows.map((row) => [row.oid, { ...row, columns: row.columns.map(toColumn) }]));
}

interface ColumnRow extends Omit<ColumnFacts, 'family'> {
  /** Whether its texts are equal only when their bytes are. */
  isBytewise: boolean;
}

function toColumn({ isBytewise, ...column }: ColumnRow): ColumnFacts {
  const family = families[column.type];
  const isUnsure = family !== undefined && textFamilies.has(family) && !isBytewise;
  return { ...column, family: isUnsure ? undefined : family };
}

const tables = preparedStatement(
  'rivulet facts of tables',
  `
SELECT class.oid::text AS oid, format('%I.%I', nspname, relname) AS name, relkind = 'r' AS "hasRows",
  ARRAY(SELECT inhrelid::text FROM pg_inherits WHERE inhparent = class.oid) AS children,
  (SELECT coalesce(jsonb_agg(jsonb_build_object(
     'attribute', attnum, 'name', attname, 'type', atttypid::text, 'typeName', format_type(atttypid, NULL),
     'isBytewise', coalesce((SELECT collisdeterministic FROM pg_collation WHERE oid = attcollation), true))), '[]')
   FROM pg_attribute WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated IN ('', 's')
  ) AS columns
FROM pg_class class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE class.oid = ANY ($1::oid[])`,
);

/** The facts that decide whether the text of a plan means what it says. */
export interface Surroundings {
  /** Why = or a cast between the types above may be somebody's own. */
  obstacle: string | undefined;
  /** Whether the hash of a text is that of its bytes in UTF-8. */
  isUtf8: boolean;
}

export async function readSurroundings(client: ClientBase): Promise<Surroundings> {
  const { rows } = await client.query<{ isOwn: boolean; isUtf8: boolean; buckets: number[] }>(surroundings, [
    Object.keys(families),
  ]);
  const { isOwn, isUtf8, buckets } = rows[0]!;
  if (isOwn)
    return {
      obstacle: 'the database has operators, casts or types that stand for those of PostgreSQL',
      isUtf8,
    };
  const areEqual = samples.every(([family, text], index) => {
    return bucketsOf(family, { text, isArray: false })?.[0] === buckets[index];
  });
  return { obstacle: areEqual ? undefined : 'the server hashes values in another way than central', isUtf8 };
}

/** In the order of the query below. */
const samples: readonly [HashFamily, string][] = [
  ['integer', '-4711'],
  ['integer', '9007199254740993'],
  ['text', 'Rivulet, 0123456789'],
  ['character', 'DE'],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['boolean', 't'],
  ['macaddr', '48:b0:2d:e9:c3:b7'],
];

const surroundings = preparedStatement(
  'rivulet surroundings',
  `
WITH types AS (
  SELECT oid, typname FROM pg_type WHERE oid = ANY ($1::oid[])
  UNION ALL SELECT typarray, NULL FROM pg_type WHERE oid = ANY ($1::oid[])
)
SELECT current_setting('server_encoding') = 'UTF8' AS "isUtf8",
  ARRAY[hashint4(-4711) & 65535, hashint8(9007199254740993) & 65535, hashtext('Rivulet, 0123456789') & 65535,
    hashbpchar('DE  ') & 65535, uuid_hash('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11') & 65535,
    hashint4(true::int) & 65535, hashmacaddr('48:b0:2d:e9:c3:b7') & 65535] AS buckets,
  EXISTS (SELECT FROM pg_operator WHERE oprname = '=' AND oid >= 16384
    AND (oprleft IN (SELECT oid FROM types) OR oprright IN (SELECT oid FROM types)))
  OR EXISTS (SELECT FROM pg_cast WHERE oid >= 16384
    AND castsource IN (SELECT oid FROM types) AND casttarget IN (SELECT oid FROM types))
  OR EXISTS (SELECT FROM pg_type JOIN types USING (typname) WHERE pg_type.oid <> types.oid
    AND typnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(temp|toast)'))
  AS "isOwn"`,
);
