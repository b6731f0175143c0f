import { hash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '@rivulet/platform';
import { createTestDatabase } from '@rivulet/testing';
import { Client, type Pool } from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';

export type App = 'central' | 'edge';
export type Migration = new () => MigrationInterface;

/** A row as JSON, by the names of its columns. */
export type Row = Record<string, unknown>;

/** All migrations of an app, the oldest first. */
export async function migrationsOf(app: App): Promise<Migration[]> {
  const folder = join(__dirname, '../../db', app, 'migrations');
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const modules = files.toSorted().map((name) => import(join(folder, name)) as Promise<object>);
  return (await Promise.all(modules)).flatMap((exported) => Object.values(exported) as Migration[]);
}

/** A digest of a migration's name and of each statement that it runs. */
export async function digestOf(migration: Migration): Promise<string> {
  const statements: string[] = [];
  const recorder = { query: async (statement: string) => void statements.push(statement) };
  const subject = new migration();
  await subject.up(recorder as unknown as QueryRunner);
  return hash('sha256', JSON.stringify([subject.name, ...statements]), 'hex');
}

/** What is in the schema `rivulet` of a database once an app of this version has migrated it. */
export interface OwnTables {
  /** What was there before, by table. */
  before: Record<string, Row[]>;
  after: Record<string, Row[]>;
  /** The last value of each sequence, before and after. */
  sequences: [Record<string, number>, Record<string, number>];
  /** One line for each object of the schema. */
  catalogue: string[];
}

/** @param dump SQL that an older version left, for a new database */
export async function migrate(app: App, dump = ''): Promise<OwnTables> {
  const database = await createTestDatabase();
  try {
    await load(database.url, dump);
    const before = await readRows(database.pool);
    const sequences = await readSequences(database.pool);
    const migrated = await connect({
      url: database.url,
      urlVariable: 'TEST_DATABASE_URL',
      applicationName: 'test',
      entities: [],
      migrations: await migrationsOf(app),
    });
    await migrated.destroy();
    const { rows } = await database.pool.query<{ line: string }>(listCatalogue);
    return {
      before,
      after: await readRows(database.pool),
      sequences: [sequences, await readSequences(database.pool)],
      catalogue: rows.map(({ line }) => line),
    };
  } finally {
    await database.drop();
  }
}

/** Through a connection of its own: a dump changes the settings of its session. */
async function load(url: string, dump: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(dump);
  } finally {
    await client.end();
  }
}

async function readRows(pool: Pool): Promise<Record<string, Row[]>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class
     WHERE relnamespace = to_regnamespace('rivulet') AND relkind = 'r' ORDER BY relname`,
  );
  const contents: Record<string, Row[]> = {};
  for (const { name } of tables) {
    const { rows } = await pool.query<{ row: Row }>(`SELECT to_jsonb(t) AS row FROM rivulet.${name} AS t`);
    contents[name] = rows.map(({ row }) => row);
  }
  return contents;
}

async function readSequences(pool: Pool): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ name: string; value: string | null }>(
    `SELECT sequencename AS name, last_value AS value FROM pg_sequences WHERE schemaname = 'rivulet'`,
  );
  return Object.fromEntries(rows.map(({ name, value }) => [name, Number(value)]));
}

const listCatalogue = `
WITH relation AS (SELECT * FROM pg_class WHERE relnamespace = to_regnamespace('rivulet'))
SELECT concat_ws(' ', 'relation', relname, relkind, relpersistence, reloptions, obj_description(oid)) AS line
FROM relation
UNION ALL
SELECT concat_ws(' ', 'column', relname, attnum, attname, format_type(atttypid, atttypmod), attcollation::regcollation,
         attnotnull, attidentity, attgenerated, attstorage, pg_get_expr(adbin, adrelid))
FROM relation
JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
WHERE relkind IN ('r', 'v', 'm', 'p')
UNION ALL
SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE connamespace = to_regnamespace('rivulet')
UNION ALL
SELECT concat_ws(' ', 'index', pg_get_indexdef(oid)) FROM relation WHERE relkind IN ('i', 'I')
UNION ALL
SELECT concat_ws(' ', 'sequence', relname, seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcycle)
FROM relation JOIN pg_sequence ON seqrelid = relation.oid
UNION ALL
SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(pg_trigger.oid))
FROM relation JOIN pg_trigger ON tgrelid = relation.oid AND NOT tgisinternal
UNION ALL
SELECT concat_ws(' ', 'function', pg_get_functiondef(oid)) FROM pg_proc
WHERE pronamespace = to_regnamespace('rivulet') AND prokind IN ('f', 'p')
UNION ALL
SELECT concat_ws(' ', 'type', typname, typtype, pg_get_userbyid(typowner)) FROM pg_type
WHERE typnamespace = to_regnamespace('rivulet')
ORDER BY line`;
