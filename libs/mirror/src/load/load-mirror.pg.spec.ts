import { Readable } from 'node:stream';
import { RivuletError } from '@rivulet/errors';
import { ChunkCutter, schemaFingerprint, TableHasher, type ManifestTable } from '@rivulet/protocol';
import { inTransaction, useCanonicalSettings, withClient } from '@rivulet/postgres';
import { createTestDatabase, ordinary, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import { loadAsEdge } from '../../test/load-as-edge';
import { mirrorFingerprint } from '../catalogue/mirror-catalogue';
import { proveMirror } from '../prove/prove-mirror';
import { scanMirror } from '../prove/scan-mirror';

jest.setTimeout(30_000);

const limits = { statementTimeoutMs: 20_000, lockTimeoutMs: 10_000, idleTimeoutMs: 10_000 };

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

beforeEach(() => database.pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public'));

afterAll(() => database.drop());

/** A manifest's statement of a table, and the canonical rows that fit it. */
interface Published {
  table: ManifestTable;
  content: Buffer;
}

/** The table `users (id bigint, name text)`, unless said otherwise, with these canonical rows. */
function publish(lines: string[], schema: Partial<ManifestTable> = {}): Published {
  const columns = [
    { name: 'id', type: 'bigint' },
    { name: 'name', type: 'text' },
  ];
  const shape = { name: 'users', ...ordinary, table: 'users', columns, key: ['id'], indexes: [], ...schema };
  const content = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const fingerprint = schemaFingerprint(shape);
  const hasher = new TableHasher(fingerprint);
  const cutter = new ChunkCutter(shape.key.length, { keepContent: false });
  for (const chunk of [...cutter.push(content), ...cutter.end()]) hasher.add(chunk);
  return { table: { ...shape, fingerprint, ...hasher.finish() }, content };
}

/** Loads and proves in one transaction, as the edge does. */
function apply(
  { table, content }: Published,
  beforeCommit: (client: ClientBase) => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  return withClient(database.pool, (client) =>
    inTransaction(client, limits, async () => {
      await useCanonicalSettings(client);
      const { mirror } = await loadAsEdge(client, table, Readable.from([content]));
      proveMirror(table, await scanMirror(client, mirror));
      await beforeCommit(client);
    }),
  );
}

async function users(): Promise<string[]> {
  const { rows } = await database.pool.query<{ row: string }>(
    'SELECT concat(id, $1::text, name) AS row FROM users ORDER BY id',
    [' '],
  );
  return rows.map(({ row }) => row);
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** The complaint about rows that are not the ones promised. */
async function mismatchOf(published: Published): Promise<string> {
  const error = await failureOf(apply(published));
  if (error instanceof RivuletError && error.code === 'CHECKSUM_MISMATCH') return error.message;
  throw new Error('It was not refused as it should be.', { cause: error });
}

describe('a mirror that is loaded', () => {
  it('is proved by its own rows', async () => {
    const published = publish(['1\tAda', '2\t\\N', '3\t']);
    await apply(published);
    expect(published.table.rows).toBe(3);
    expect(await users()).toEqual(['1 Ada', '2 ', '3 ']);
  });

  it('may be empty, at first and later', async () => {
    await apply(publish([]));
    expect(await users()).toEqual([]);
    await apply(publish(['1\tAda']));
    await apply(publish([]));
    expect(await users()).toEqual([]);
  });

  it('may have only its key', async () => {
    const columns = [
      { name: 'group_id', type: 'bigint' },
      { name: 'user_id', type: 'uuid' },
    ];
    const id = '00000000-0000-4000-8000-000000000001';
    await apply(publish([`-1\t${id}`, `1\t${id}`], { columns, key: ['group_id', 'user_id'] }));
    const { rows } = await database.pool.query('SELECT group_id, user_id FROM users ORDER BY 1');
    expect(rows).toEqual([
      { group_id: '-1', user_id: id },
      { group_id: '1', user_id: id },
    ]);
  });

  it('tells how far its proof is', async () => {
    const lines = Array.from({ length: 5_000 }, (_, n) => `${n}\t${'x'.repeat(100)}`);
    const { table, content } = publish(lines);
    const progress: number[] = [];
    await withClient(database.pool, (client) =>
      inTransaction(client, limits, async () => {
        const { mirror } = await loadAsEdge(client, table, Readable.from([content]));
        await scanMirror(client, mirror, (rows) => progress.push(rows));
      }),
    );
    expect(progress.length).toBeGreaterThan(2);
    expect(progress.reduce((sum, rows) => sum + rows, 0)).toBe(5_000);
  });
});

describe('rows that are not the ones promised', () => {
  const old = publish(['1\tAda', '2\tBob']);
  const next = publish(['1\tAda', '2\tBob', '3\tCyd']);
  const complaint =
    /^Table users reads back as \d rows with checksum \w{12}; the manifest has 3 rows with checksum \w{12}\.$/;

  it.each([
    ['a row that differs', '1\tAda\n2\tBob\n3\tCid\n'],
    ['a row too few', '1\tAda\n2\tBob\n'],
    ['a row too many', '1\tAda\n2\tBob\n3\tCyd\n4\tDot\n'],
    ['an empty text in place of NULL', '1\tAda\n2\tBob\n3\t\n'],
    ['none', ''],
  ])('because there is %s are rolled back', async (_, content) => {
    await apply(old);
    const message = await mismatchOf({ table: next.table, content: Buffer.from(content) });
    expect(message).toMatch(complaint);
    expect(await users()).toEqual(['1 Ada', '2 Bob']);
  });

  it.each([
    ['changes a row', `IF NEW.id = 2 THEN NEW.name := 'Rob'; END IF; RETURN NEW;`],
    ['drops a row', 'RETURN CASE WHEN NEW.id = 2 THEN NULL ELSE NEW END;'],
    ['adds a row', `IF NEW.id = 2 THEN INSERT INTO users VALUES (9, 'Eve'); END IF; RETURN NEW;`],
    [
      'adds a row for each',
      `IF NEW.id < 9 THEN INSERT INTO users VALUES (NEW.id + 10, ''); END IF; RETURN NEW;`,
    ],
  ])('because a trigger on the device %s are rolled back', async (_, body) => {
    await apply(old);
    await database.pool.query(`
      CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$;
      CREATE TRIGGER meddle BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION meddle()`);
    expect(await mismatchOf(next)).toMatch(complaint);
    expect(await users()).toEqual(['1 Ada', '2 Bob']);
  });

  it('because PostgreSQL reads a value differently are rolled back', async () => {
    const columns = [
      { name: 'id', type: 'bigint' },
      { name: 'amount', type: 'numeric(10,2)' },
    ];
    const message = await mismatchOf(publish(['1\t1.005'], { columns }));
    expect(message).toMatch(/^Table users reads back as 1 rows/);
  });

  it.each([
    ['a NULL in the key', '\\N\tAda\n', '23502'],
    ['a key twice', '1\tAda\n1\tBob\n', 'DATASET_KEY_NOT_UNIQUE'],
    ['a value of another type', 'one\tAda\n', 'APPLY_FAILED'],
    ['a column too few', '1\n', 'APPLY_FAILED'],
    ['a column too many', '1\tAda\tx\n', 'APPLY_FAILED'],
  ])('because PostgreSQL refuses %s are rolled back', async (_, content, code) => {
    await apply(old);
    const error = await failureOf(apply({ table: next.table, content: Buffer.from(content) }));
    expect(error).toMatchObject({ code });
    expect(await users()).toEqual(['1 Ada', '2 Bob']);
  });
});

describe('a hostile name of a dataset, its table and its columns', () => {
  it.each([
    'a"b',
    `it's`,
    '; DROP TABLE canary; --',
    '"); DROP TABLE canary; --',
    '100% %s %I',
    '$1 :id \\',
    'Mixed Case',
    'select',
    ' ',
    'line\nfeed\tand tab',
    'übergröße 漢字 😀',
    'x'.repeat(63),
    '😀'.repeat(15),
    'NULL',
  ])('is taken as it is: %j', async (name) => {
    await database.pool.query('CREATE TABLE canary AS SELECT 1 AS alive');
    const columns = [
      { name, type: 'text' },
      { name: 'other', type: 'text' },
    ];
    const published = publish(['a\tb'], {
      name,
      table: name,
      columns,
      key: [name],
      indexes: [['other', name]],
    });
    const { table } = published;
    for (let time = 0; time < 2; time++) await apply(published);
    const found = await withClient(database.pool, (client) => mirrorFingerprint(client, table));
    expect(found).toBe(table.fingerprint);
    const { rows } = await database.pool.query(
      `SELECT relname AS name, (SELECT count(*)::int FROM pg_index WHERE indrelid = class.oid) AS indexes
       FROM pg_class class WHERE obj_description(oid) LIKE 'Rivulet mirror of dataset %'`,
    );
    expect(rows).toEqual([{ name, indexes: 2 }]);
    expect((await database.pool.query('TABLE canary')).rows).toEqual([{ alive: 1 }]);
  });
});

describe('a reader in another session', () => {
  const old = publish(['1\tAda']);
  const next = publish(['2\tBob', '3\tCyd']);
  const rebuilt = publish(['4\tDot\t\\N'], {
    columns: [...old.table.columns, { name: 'age', type: 'integer' }],
  });

  it.each([
    ['emptied and filled', next, ['2 Bob', '3 Cyd']],
    ['made again', rebuilt, ['4 Dot']],
  ])(
    'of a mirror that is %s sees the new rows, all at once, when they are committed',
    async (_, change, rows) => {
      await apply(old);
      expect(await users()).toEqual(['1 Ada']);
      let seen: Promise<string[]> | undefined;
      let isCommitted = false;
      await apply(change, async (client) => {
        seen = users().then((found) => {
          expect(isCommitted).toBe(true);
          return found;
        });
        await client.query('SELECT pg_sleep(0.2)');
        isCommitted = true;
      });
      expect(await seen).toEqual(rows);
    },
  );

  it('sees the old rows after the apply has failed', async () => {
    await apply(old);
    let seen: Promise<string[]> | undefined;
    const failed = apply(next, async (client) => {
      seen = users();
      await client.query('SELECT pg_sleep(0.1)');
      throw new Error('the power is gone');
    });
    await expect(failed).rejects.toThrow('the power is gone');
    expect(await seen).toEqual(['1 Ada']);
  });

  it('with a snapshot from before the commit sees the new rows or waits, and never an empty mirror', async () => {
    await apply(old);
    await withClient(database.pool, (reader) =>
      inTransaction(reader, { ...limits, isolation: 'REPEATABLE READ', readOnly: true }, async () => {
        await reader.query('SELECT 1');
        await apply(next);
        const { rows } = await reader.query('SELECT name FROM users ORDER BY id');
        expect(rows).toEqual([{ name: 'Bob' }, { name: 'Cyd' }]);
      }),
    );
  });
});
