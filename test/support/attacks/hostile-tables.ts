import { escapeIdentifier, escapeLiteral, type PoolClient } from 'pg';
import { hostileNames, hostileTexts, keyTypes, longText, otherTypes } from './hostile-values';
import type { Randomness } from '../histories/random-source';

export const macAddress = '48:b0:2d:e9:c3:b7';

/** A table of the source, and what random values go into its columns. */
export interface HostileTable {
  /** As SQL names it. */
  sql: string;
  key: string[];
  columns: { name: string; type: string; values: readonly string[]; isNullable: boolean }[];
  /** Columns that PostgreSQL fills, and their definitions. */
  more?: string[];
  definitions?: string;
  /** Behind its definition. */
  ending?: string;
  /** A statement that makes many rows. */
  fill?: string;
}

const q = escapeIdentifier;
export const hostileName = (index: number): string => hostileNames[index % hostileNames.length]!;
const integers = Array.from({ length: 400 }, (_, index) => String(index));

const types = `
CREATE EXTENSION citext;
CREATE SCHEMA hostile;
CREATE SCHEMA "Schema ""2"" ; --";
CREATE TYPE hostile."Mood '" AS ENUM ('calm', 'it''s "wild"', E'\\\\', '');
CREATE DOMAIN hostile.base AS text;
CREATE DOMAIN hostile."Text;" AS hostile.base CHECK (VALUE <> 'never');
CREATE DOMAIN hostile.few AS integer[] CHECK (cardinality(VALUE) < 4);
CREATE DOMAIN hostile.five AS varchar(5);`;

/** For each type a table with a key of it, and so many rows that they make several chunks. */
const tablesOfKeys: HostileTable[] = Object.entries(keyTypes).map(([type, values], index) => {
  const [sql, key, value] = [
    `hostile.${q(hostileName(index))}`,
    hostileName(index + 7),
    hostileName(index + 8),
  ];
  const count = Math.ceil(40 / values.length);
  return {
    sql,
    key: [key, 'n'],
    columns: [
      { name: key, type, values, isNullable: false },
      { name: 'n', type: 'integer', values: integers, isNullable: false },
      { name: value, type: 'text', values: [...hostileTexts, ...longText], isNullable: true },
    ],
    fill: `
      INSERT INTO ${sql} SELECT key::${type}, n, repeat(md5(n::text), 120)
      FROM unnest(ARRAY[${values.map(escapeLiteral).join(', ')}]) AS key, generate_series(1, ${count}) AS n
      ON CONFLICT DO NOTHING`,
  };
});

/** A column of every type, each of which may be NULL. */
const everything: HostileTable = {
  sql: '"Schema ""2"" ; --"."every ""type"""',
  key: ['id'],
  columns: [
    { name: 'id', type: 'bigint', values: integers, isNullable: false },
    ...Object.entries({ ...keyTypes, ...otherTypes }).map(([type, values], index) => ({
      name: hostileName(index),
      type,
      values,
      isNullable: true,
    })),
  ],
  more: ['made', 'guessed', 'counted'],
  definitions:
    ", made text GENERATED ALWAYS AS (id || '\"') STORED, guessed bigint GENERATED ALWAYS AS (id * 2) VIRTUAL, " +
    'counted bigint GENERATED ALWAYS AS IDENTITY',
};

const composite: HostileTable = {
  sql: 'hostile."com;posite"',
  key: ['; --', 'a"b', '%', '漢字'],
  columns: [
    { name: 'a"b', type: 'text COLLATE "en-x-icu"', values: hostileTexts, isNullable: false },
    { name: '%', type: 'date', values: keyTypes['date']!, isNullable: false },
    { name: 'value', type: 'text', values: longText, isNullable: true },
    { name: '漢字', type: 'numeric(10,2)', values: keyTypes['numeric(10,2)']!, isNullable: false },
    { name: '; --', type: 'bytea', values: keyTypes['bytea']!, isNullable: false },
  ],
};

const onlyKeys: HostileTable = {
  sql: 'hostile.only_keys',
  key: ['a', 'b'],
  columns: [
    { name: 'a', type: 'citext', values: hostileTexts, isNullable: false },
    { name: 'b', type: 'integer', values: integers, isNullable: false },
  ],
};

const wide: HostileTable = {
  sql: 'hostile.wide',
  key: ['k'],
  columns: [
    { name: 'k', type: 'integer', values: integers, isNullable: false },
    ...Array.from({ length: 499 }, (_, index) => ({
      name: `${'c'.repeat(50)}_${index}`,
      type: index % 2 === 0 ? 'text' : 'numeric',
      values: index % 2 === 0 ? hostileTexts.slice(0, 20) : ['0', '1.0', '1.00', 'NaN'],
      isNullable: true,
    })),
  ],
};

const partitioned: HostileTable = {
  sql: 'hostile."part;"',
  key: ['site', 'no'],
  columns: [
    { name: 'site', type: 'text', values: hostileTexts, isNullable: false },
    { name: 'no', type: 'integer', values: integers, isNullable: false },
    { name: 'body', type: 'text', values: longText, isNullable: true },
  ],
  ending: ' PARTITION BY LIST (site)',
};

const empty: HostileTable = { ...composite, sql: 'hostile.empty' };

/** Those that are sent as they are. */
export const plainTables = [...tablesOfKeys, everything, composite, wide, partitioned, empty];

/** Those that change. */
export const changingTables = [...plainTables.filter((table) => table !== empty), onlyKeys];

export const hostileSchema = [
  types,
  ...[...changingTables, empty].map(createTable),
  ...tablesOfKeys.map(({ fill }) => fill!),
  `CREATE TABLE hostile."part;1" PARTITION OF hostile."part;" FOR VALUES IN ('', 'a', 'ä', E'\\\\N');
   CREATE TABLE hostile."part;*" PARTITION OF hostile."part;" DEFAULT;
   CREATE VIEW hostile."view ""1""" AS SELECT "; --", max(value) AS "max(value)", count(*) FROM hostile."com;posite" GROUP BY 1;
   CREATE TABLE public.devices (id int PRIMARY KEY, mac text, site text, sites text[], mood hostile."Mood '");
   INSERT INTO public.devices VALUES (1, '${macAddress}', '''); DELETE FROM victims; --', ARRAY[E'\\\\N', '"a,b"', 'A', ''], 'calm')`,
].join(';\n');

function createTable({ sql, columns, key, definitions: more = '', ending = '' }: HostileTable): string {
  const definitions = columns.map((column) => `${q(column.name)} ${column.type}`).join(', ');
  return `CREATE TABLE ${sql} (${definitions}, PRIMARY KEY (${key.map(q).join(', ')})${more})${ending}`;
}

/** Changes a few rows of a table. What PostgreSQL refuses (a key that is there) is left. */
export async function changeTable(
  client: PoolClient,
  table: HostileTable,
  random: Randomness,
): Promise<void> {
  const kind = random.below(12);
  if (kind === 0) await client.query(`TRUNCATE ${table.sql}`);
  if (kind === 1 && table.fill !== undefined) await client.query(table.fill);
  for (let count = 1 + random.below(8); count > 0; count--) {
    const [statement, values] = kind < 7 ? insertion(table, random) : correction(table, random);
    await client.query('SAVEPOINT change');
    try {
      await client.query(statement, values);
      await client.query('RELEASE SAVEPOINT change');
    } catch (error) {
      if ((error as { code?: string }).code !== '23505') throw error;
      await client.query('ROLLBACK TO SAVEPOINT change');
    }
  }
}

type Statement = [text: string, values: (string | null)[]];

function insertion({ sql, columns }: HostileTable, random: Randomness): Statement {
  const values = columns.map((column) => valueFor(column, random));
  const places = values.map((_, index) => `$${index + 1}`).join(', ');
  const names = columns.map((column) => q(column.name)).join(', ');
  return [`INSERT INTO ${sql} (${names}) VALUES (${places}) ON CONFLICT DO NOTHING`, values];
}

/** Changes a column of one to three rows, or deletes them. */
function correction({ sql, columns }: HostileTable, random: Randomness): Statement {
  const some = `SELECT tableoid, ctid FROM ${sql} ORDER BY md5(ctid::text || ${random.below(1_000)})`;
  const where = `WHERE (tableoid, ctid) IN (${some} LIMIT ${1 + random.below(3)})`;
  if (random.below(3) === 0) return [`DELETE FROM ${sql} ${where}`, []];
  const column = random.pick(columns);
  return [`UPDATE ${sql} SET ${q(column.name)} = $1 ${where}`, [valueFor(column, random)]];
}

function valueFor(
  { values, isNullable }: HostileTable['columns'][number],
  random: Randomness,
): string | null {
  return isNullable && random.below(5) === 0 ? null : random.pick(values);
}
