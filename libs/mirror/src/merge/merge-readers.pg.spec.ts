import { inTransaction, withClient } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import type { ClientBase } from 'pg';
import {
  byChunks,
  byPatches,
  load,
  numbered,
  numberedContent,
  transaction,
  type Merge,
} from '../../test/mirror-fixture';
import { openMirror } from '../table/mirror-table';

const limits = { statementTimeoutMs: 5_000, lockTimeoutMs: 1, idleTimeoutMs: 20_000 };

let database: TestDatabase;

const base = numberedContent(numbered(500));
const target = numberedContent(numbered(500).set(1_005, 'new').set(2_000, 'new'));

beforeAll(async () => {
  database = await createTestDatabase();
});

beforeEach(() => load(database.pool, base));

afterAll(() => database.drop());

const ways: [string, Merge][] = [
  ['chunks', byChunks],
  ['patches', byPatches],
];

const newRows = `SELECT count(*)::int AS rows FROM users WHERE name LIKE 'new%'`;

async function countNew(client: ClientBase): Promise<number> {
  return (await client.query<{ rows: number }>(newRows)).rows[0]!.rows;
}

/** Reads in a session of its own, which waits for no lock. */
function read(): Promise<number> {
  return withClient(database.pool, (client) => inTransaction(client, limits, () => countNew(client)));
}

describe.each(ways)('a reader, while a mirror is merged by %s,', (_, merge) => {
  it('never waits, and sees the old rows until the new ones are committed', async () => {
    await transaction(database.pool, async (client) => {
      expect(await read()).toBe(0);
      await merge(client, base, target);
      expect(await countNew(client)).toBe(2);
      expect(await read()).toBe(0);
    });
    expect(await read()).toBe(2);
  });

  it('meets no lock but those of ordinary writers', async () => {
    await transaction(database.pool, async (client) => {
      await merge(client, base, target);
      const { rows } = await client.query<{ mode: string }>(
        `SELECT DISTINCT mode FROM pg_locks WHERE relation = 'users'::regclass ORDER BY mode`,
      );
      expect(rows.map(({ mode }) => mode)).toEqual(['AccessShareLock', 'RowExclusiveLock']);
    });
  });

  it('sees the rows of its own moment as long as its transaction lasts', async () => {
    await withClient(database.pool, (reader) =>
      inTransaction(reader, { ...limits, isolation: 'REPEATABLE READ', readOnly: true }, async () => {
        await reader.query('SELECT 1');
        await transaction(database.pool, (client) => merge(client, base, target));
        expect(await countNew(reader)).toBe(0);
      }),
    );
    expect(await read()).toBe(2);
  });

  it('keeps nobody from merging', async () => {
    await withClient(database.pool, (reader) =>
      inTransaction(reader, limits, async () => {
        await countNew(reader);
        await transaction(database.pool, (client) => merge(client, base, target));
        expect(await countNew(reader)).toBe(2);
      }),
    );
  });
});

describe('a mirror that is opened', () => {
  it('is not locked', async () => {
    await transaction(database.pool, async (client) => {
      await openMirror(client, target.table);
      const { rows } = await client.query(
        `SELECT FROM pg_locks WHERE relation = to_regclass('users') AND pid = pg_backend_pid()`,
      );
      expect(rows).toEqual([]);
    });
  });
});
