import { Readable } from 'node:stream';
import { RivuletError } from '@rivulet/errors';
import { schemaFingerprint, type ManifestTable } from '@rivulet/protocol';
import { inTransaction, withClient } from '@rivulet/postgres';
import { createTestDatabase, ordinary, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import { loadAsEdge } from '../../test/load-as-edge';
import { resolveColumns } from './column-types';
import { readExtensionType } from './extension-types';
import { mirrorFingerprint } from '../catalogue/mirror-catalogue';

const limits = { statementTimeoutMs: 20_000, lockTimeoutMs: 10_000, idleTimeoutMs: 10_000 };

/** Roles are the server's, which other tests use as well. */
const WEAK_ROLE = `weak_${process.pid}`;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.pool.query(`CREATE ROLE ${WEAK_ROLE}`);
});

beforeEach(async () => {
  await database.pool.query(`
    DROP EXTENSION IF EXISTS hstore, citext, ltree, cube CASCADE;
    DROP SCHEMA IF EXISTS "Ext 1", citext CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    GRANT ALL ON SCHEMA public TO ${WEAK_ROLE}`);
});

afterAll(async () => {
  await database.pool.query(`DROP OWNED BY ${WEAK_ROLE}; DROP ROLE ${WEAK_ROLE}`);
  await database.drop();
});

/** A table of a manifest: `id bigint`, and `value` of this type. */
function tableOf(type: string, key = ['id']): ManifestTable {
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'value', type },
  ];
  const table = { name: 'things', ...ordinary, table: 'things', columns, key, indexes: [] };
  return { ...table, rows: 0, bytes: 0, checksum: '', fingerprint: schemaFingerprint(table) };
}

function transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T> {
  return withClient(database.pool, (client) => inTransaction(client, limits, () => work(client)));
}

function load(client: ClientBase, table: ManifestTable, ...lines: string[]): Promise<unknown> {
  return loadAsEdge(client, table, Readable.from(lines.map((line) => Buffer.from(`${line}\n`))));
}

async function refusalOf(work: Promise<unknown>): Promise<RivuletError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof RivuletError) return error;
  throw new Error('It was not refused.', { cause: error });
}

async function select(query: string): Promise<unknown[]> {
  return (await database.pool.query<Record<string, unknown>>(query)).rows;
}

const installed = (): Promise<unknown[]> =>
  select(`SELECT extname AS name, extnamespace::regnamespace::text AS schema FROM pg_extension
          WHERE extname <> 'plpgsql' ORDER BY extname`);

describe('a type of an extension', () => {
  it('is read with its modifiers, and only if the extension and the type are carried', () => {
    expect(readExtensionType('postgis.geometry(Point,4326)[]')).toEqual({
      extension: 'postgis',
      name: 'geometry',
      modifiers: '(Point,4326)[]',
    });
    expect(readExtensionType('vector.halfvec(3)')).toMatchObject({ name: 'halfvec', modifiers: '(3)' });
    for (const text of [
      'hstore',
      'seg.seg',
      'postgis.box2d',
      'toString.name',
      'hstore.hstore; --',
      'hstore.hstore[][]',
      '"hstore".hstore',
      'vector.vector(3); DROP TABLE x; --)',
    ]) {
      expect(readExtensionType(text)).toBeUndefined();
    }
  });

  it('is that of the extension, in whichever schema it is, and whatever else has its name', async () => {
    await database.pool.query(`
      CREATE SCHEMA "Ext 1"; CREATE EXTENSION citext SCHEMA "Ext 1";
      CREATE SCHEMA citext; CREATE DOMAIN citext.citext AS text; CREATE DOMAIN public.citext AS text`);
    const columns = await transaction((client) => resolveColumns(client, tableOf('citext.citext[]')));
    expect(columns[1]).toEqual({
      name: 'value',
      type: '"Ext 1".citext[]',
      operatorSchema: 'Ext 1',
      collatable: true,
    });
  });

  it('is known again in the mirror, and another of that name is not taken for it', async () => {
    await database.pool.query('CREATE SCHEMA "Ext 1"; CREATE EXTENSION citext SCHEMA "Ext 1"');
    for (const type of ['citext.citext', 'citext.citext[]']) {
      const table = tableOf(type);
      await transaction((client) => load(client, table));
      const fingerprint = (): Promise<string | undefined> =>
        transaction((client) => mirrorFingerprint(client, table));
      expect(await fingerprint()).toBe(table.fingerprint);
      await database.pool.query('ALTER EXTENSION citext SET SCHEMA public');
      expect(await fingerprint()).toBe(table.fingerprint);
      await database.pool.query(`
        ALTER EXTENSION citext SET SCHEMA "Ext 1";
        CREATE SCHEMA citext; CREATE DOMAIN citext.citext AS text;
        ALTER TABLE things ALTER value TYPE citext.citext${type.slice('citext.citext'.length)}`);
      expect(await fingerprint()).not.toBe(table.fingerprint);
      await database.pool.query('DROP SCHEMA citext CASCADE');
    }
  });

  it('can be in a key, whatever the search_path', async () => {
    await database.pool.query('CREATE SCHEMA "Ext 1"; CREATE EXTENSION ltree SCHEMA "Ext 1"');
    const table = tableOf('ltree.ltree', ['value', 'id']);
    const columns = table.columns.toReversed();
    const keyed = { ...table, columns, fingerprint: schemaFingerprint({ ...table, columns }) };
    for (const path of ['public', '', '"$user", pg_temp']) {
      await transaction(async (client) => {
        await client.query(`SELECT set_config('search_path', $1, true)`, [path]);
        await load(client, keyed, 'a.b\t1');
        const { rows } = await client.query<{ found: boolean }>(
          `SELECT (value, id) > ('a'::"Ext 1".ltree, 1::bigint) AS found FROM public.things`,
        );
        expect(rows).toEqual([{ found: true }]);
      });
    }
  });
});

describe('an extension that a mirror needs and the database lacks', () => {
  it('is created in the schema of the mirror, with the transaction', async () => {
    const table = tableOf('hstore.hstore');
    const failed = transaction(async (client) => {
      await load(client, table, '1\t"a"=>"b"');
      throw new Error('the power is out');
    });
    await expect(failed).rejects.toThrow('the power is out');
    expect(await installed()).toEqual([]);
    await transaction((client) => load(client, table, '1\t"a"=>"b"'));
    expect(await installed()).toEqual([{ name: 'hstore', schema: 'public' }]);
    expect(await select('SELECT id::int, value::text FROM things')).toEqual([{ id: 1, value: '"a"=>"b"' }]);
  });

  it('that this role may not create is named, with the command for it', async () => {
    await transaction((client) => load(client, tableOf('text'), '1\told'));
    const refusal = await refusalOf(
      transaction(async (client) => {
        await client.query(`SET LOCAL ROLE ${WEAK_ROLE}`);
        await load(client, { ...tableOf('hstore.hstore'), table: 'others', name: 'others' });
      }),
    );
    expect(refusal.code).toBe('SCHEMA_UNSUPPORTED');
    expect(refusal.message).toBe(
      `This edge's PostgreSQL cannot hold table others: column value of type hstore.hstore ` +
        '(the extension hstore is not installed, and creating it failed: permission denied to create extension "hstore").',
    );
    expect(refusal.nextStep).toBe(`Run CREATE EXTENSION hstore as a superuser in the edge's database.`);
    expect(await installed()).toEqual([]);
    expect(await select('TABLE things')).toEqual([{ id: '1', value: 'old' }]);
  });

  it('is not created again where it is there, also for a role that may not', async () => {
    await database.pool.query('CREATE SCHEMA "Ext 1"; CREATE EXTENSION hstore SCHEMA "Ext 1"');
    await database.pool.query(`GRANT USAGE ON SCHEMA "Ext 1" TO ${WEAK_ROLE}`);
    await transaction(async (client) => {
      await client.query(`SET LOCAL ROLE ${WEAK_ROLE}`);
      await load(client, tableOf('hstore.hstore'), '1\t"a"=>"b"');
    });
    expect(await installed()).toEqual([{ name: 'hstore', schema: '"Ext 1"' }]);
  });

  it('and that the server does not have either is named, with what to install', async () => {
    const refusal = await refusalOf(transaction((client) => load(client, tableOf('vector.halfvec(3)'))));
    expect(refusal.code).toBe('SCHEMA_UNSUPPORTED');
    expect(refusal.message).toBe(
      `This edge's PostgreSQL cannot hold table things: column value of type vector.halfvec(3) ` +
        '(the extension vector is not installed).',
    );
    expect(refusal.nextStep).toMatch(
      /^Install the package with the extension vector for PostgreSQL \d+ on this device: the next sync creates it\.$/,
    );
  });

  it('is named with its version when it does not have the type', async () => {
    await database.pool.query(`
      CREATE EXTENSION ltree;
      ALTER EXTENSION ltree DROP TYPE lquery`);
    const refusal = await refusalOf(transaction((client) => load(client, tableOf('ltree.lquery'))));
    expect(refusal.code).toBe('SCHEMA_UNSUPPORTED');
    expect(refusal.message).toMatch(
      /column value of type ltree\.lquery \(the installed extension ltree [\d.]+ does not have the type lquery\)\.$/,
    );
    expect(refusal.nextStep).toContain(
      `run ALTER EXTENSION ltree UPDATE as a superuser in the edge's database.`,
    );
    await database.pool.query('ALTER EXTENSION ltree ADD TYPE lquery');
  });

  it('is not created when it is not one whose types are carried', async () => {
    const refusal = await refusalOf(transaction((client) => load(client, tableOf('seg.seg'))));
    expect(refusal.message).toBe(
      `This edge's PostgreSQL cannot hold table things: column value of type seg.seg.`,
    );
    expect(await installed()).toEqual([]);
  });
});
