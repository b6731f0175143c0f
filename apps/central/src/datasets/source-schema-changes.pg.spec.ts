import type { ManifestTable } from '@rivulet/protocol';
import type { CentralServices } from '../../test/central-services';
import { DatasetsFixture, fileOf, refusalOf, rowsOf, sites, sync, users } from '../../test/datasets-fixture';

let fixture: DatasetsFixture;

beforeEach(async () => {
  fixture = await DatasetsFixture.create();
});

afterEach(() => fixture.close());

/** Asks again after a refusal, as a device does. */
async function syncInTheEnd(central: CentralServices): Promise<ManifestTable[]> {
  const refused = await refusalOf(sync(central));
  expect(refused).toMatchObject({ code: 'SERVER_BUSY', retryAfterSeconds: 1 });
  return (await sync(central)).tables;
}

describe('a source whose schema changes while central runs', () => {
  const retypings = [
    ['rewritten', 'ALTER TABLE users ALTER name TYPE int USING 7', 'integer'],
    ['as it is', 'ALTER TABLE users ALTER name TYPE varchar(20)', 'character varying(20)'],
  ] as const;

  it.each(retypings)(
    'is not read under the schema of before: a column is retyped, its rows %s',
    async (_, ddl, type) => {
      const central = await fixture.start({ changeDetection: 'poll', pollIntervalMs: 0 });
      await sync(central);
      await fixture.query(ddl);
      const [table] = await syncInTheEnd(central);
      expect(table).toMatchObject({ rows: 1, columns: [{ name: 'id' }, { name: 'name', type }] });
    },
  );

  it.each(retypings)('is described again by itself where it is watched: %s', async (_, ddl, type) => {
    const central = await fixture.start();
    await sync(central);
    await fixture.query(ddl);
    await central.watch.reconcile();
    const { tables } = await sync(central);
    expect(tables).toEqual([
      expect.objectContaining({ columns: [expect.anything(), { name: 'name', type }] }),
    ]);
  });

  const pinned = '{ name: users, key: [id], query: SELECT * FROM users, columns: [id, name] }';

  it.each([['trigger'], ['poll']] as const)(
    'select-star: sends the columns that are pinned, and no other that SELECT * returns by then (%s)',
    async (changeDetection) => {
      fixture.file.write(fileOf(pinned));
      const central = await fixture.start({ changeDetection, pollIntervalMs: 0 });
      const [before] = (await sync(central)).tables;
      expect(before!.columns.map(({ name }) => name)).toEqual(['id', 'name']);
      await fixture.query(`ALTER TABLE users ADD secret text DEFAULT 's', ADD odd regrole`);
      expect((await sync(central)).tables).toMatchObject([{ checksum: before!.checksum }]);
      await central.watch.reconcile();
      expect((await sync(central)).tables).toMatchObject([{ checksum: before!.checksum }]);
      expect(central.datasets.catalogue.datasets[0]!.unsent).toEqual(['site', 'secret', 'odd']);
    },
  );

  it('sends nothing while a pinned column is missing, and says which', async () => {
    fixture.file.write(fileOf(pinned));
    const central = await fixture.start();
    await fixture.query('ALTER TABLE users RENAME name TO called');
    await central.watch.reconcile();
    const refused = await refusalOf(sync(central));
    expect(refused).toMatchObject({ code: 'DATASETS_FILE_INVALID' });
    expect(refused.message).toContain('names column name in its columns, which its query does not return');
  });

  it('is described again by itself when all is polled', async () => {
    const central = await fixture.start({ changeDetection: 'poll', pollIntervalMs: 0 });
    await fixture.query('ALTER TABLE users ALTER name TYPE text');
    await central.watch.reconcile();
    expect(central.datasets.catalogue.datasets[0]!.columns[1]!.type).toBe('text');
  });

  it.each([['trigger'], ['poll']] as const)(
    'without a column that a dataset reads is a clear error until it is mended (%s)',
    async (changeDetection) => {
      const central = await fixture.start({ changeDetection, pollIntervalMs: 0 });
      await sync(central);
      await fixture.query('ALTER TABLE users RENAME name TO called');
      for (let times = 0; times < 3; times++) await central.watch.reconcile();
      for (let times = 0; times < 2; times++) {
        const { code, message } = await refusalOf(sync(central));
        expect(code).toBe('DATASETS_FILE_INVALID');
        expect(fixture.shortened(message)).toMatch(
          /^datasets\.yaml:5:50: PostgreSQL rejects the query of dataset users: column "name" does not exist/,
        );
      }
      expect(fixture.errors).toEqual([
        expect.stringContaining('The source no longer fits datasets.yaml, and no device can sync: '),
      ]);
      expect((await central.operations.list()).problem).toContain('column "name" does not exist');

      await fixture.query('ALTER TABLE users RENAME called TO name');
      await central.watch.reconcile();
      expect(await rowsOf(central)).toEqual({ users: 1 });
      expect((await central.operations.list()).problem).toBeUndefined();
    },
  );

  it('is a clear error also for the device that asks before central has looked', async () => {
    const central = await fixture.start({ changeDetection: 'poll', pollIntervalMs: 0 });
    await sync(central);
    await fixture.query('ALTER TABLE users DROP COLUMN name');
    const { code, message } = await refusalOf(sync(central));
    expect(code).toBe('DATASETS_FILE_INVALID');
    expect(message).toContain('column "name" does not exist');
  });

  it('is mended by a file that fits it', async () => {
    const central = await fixture.start();
    await fixture.query('ALTER TABLE users RENAME name TO called');
    await central.watch.reconcile();
    await refusalOf(sync(central));
    fixture.file.write(fileOf(users.replace('name FROM', 'called FROM')));
    await central.operations.reload();
    expect(await rowsOf(central)).toEqual({ users: 1 });
  });

  it('is no problem of the file while a table is only locked', async () => {
    const central = await fixture.start();
    const session = await fixture.pool.connect();
    await session.query('BEGIN; LOCK TABLE users');
    try {
      await expect(central.datasets.describeAgain()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    } finally {
      await session.query('ROLLBACK');
      session.release();
    }
    expect(central.datasets.problem).toBeUndefined();
    expect(await rowsOf(central)).toEqual({ users: 1 });
  });
});

describe('a table that is emptied and filled while others are read', () => {
  it.each([
    ['truncated', 'TRUNCATE sites; INSERT INTO sites VALUES (1), (2), (3)'],
    ['rewritten', 'ALTER TABLE sites ALTER id TYPE int USING id + 1'],
    [
      'swapped',
      'CREATE TABLE fresh AS SELECT id FROM sites; DROP TABLE sites; ALTER TABLE fresh RENAME TO sites',
    ],
  ])('is never seen empty: %s', async (_, statements) => {
    await fixture.query('CREATE TABLE gates AS SELECT 1 AS id');
    fixture.file.write(fileOf('{ name: gates, key: [id], query: SELECT id FROM gates }', sites));
    const central = await fixture.start({ changeDetection: 'poll', pollIntervalMs: 60_000 });
    // The moment of the transaction has begun when it waits for its first table, and it has not touched the second.
    const session = await fixture.pool.connect();
    await session.query('BEGIN; LOCK TABLE gates');
    const asked = rowsOf(central);
    await fixture.untilActive('%FROM gates%');
    await fixture.query(`BEGIN; ${statements}; COMMIT`);
    await session.query('ROLLBACK');
    session.release();
    const { sites: rows } = await asked;
    expect(rows).toBe(statements.startsWith('TRUNCATE') ? 3 : 2);
  });
});
