import { randomBytes } from 'node:crypto';
import { numberedTexts } from '@rivulet/testing';
import { ada, adaWithNote, names, namesWithNote, runAsApplication } from '../../test/names-dataset';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { rowsOf, syncWatched, WatchingReader } from '../../test/watching-reader';

const edge = setUpSyncCycles();

const run = (...statements: string[]): Promise<void> => runAsApplication(edge, ...statements);

beforeEach(async () => {
  edge.hub.datasets = [names(), numberedTexts('areas', ['Lobby'])];
  await edge.sync();
});

async function indexes(): Promise<string[]> {
  const rows = await edge.select<{ indexdef: string }>(
    `SELECT indexdef FROM pg_indexes WHERE tablename = 'names' ORDER BY indexname`,
  );
  return rows.map(({ indexdef }) => indexdef);
}

describe('what survives a change of columns', () => {
  const role = `reader_${randomBytes(6).toString('hex')}`;

  beforeAll(() => run(`CREATE ROLE ${role}`));
  afterAll(() => run(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`));

  it('are indexes of applications on columns that stay', async () => {
    await run(
      `CREATE UNIQUE INDEX "Loud" ON names (upper(label) DESC NULLS LAST) WHERE id > 0`,
      `CREATE INDEX "on USING" ON names USING hash (label)`,
      `CREATE INDEX covering ON names (label COLLATE "C") INCLUDE (id) WITH (fillfactor = 70)`,
    );
    const before = await indexes();
    expect(before).toHaveLength(4);
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets[0] = namesWithNote();

    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied' });

    expect(await indexes()).toEqual(before);
    expect(await reader.stop()).toEqual([ada, adaWithNote]);
    edge.hub.datasets[0] = namesWithNote({ table: 'people', schema: 'plant', rows: [] });
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it.each([
    ['a column that goes', 'CREATE INDEX loud ON names (label)'],
    ['an expression over a column that goes', 'CREATE INDEX loud ON names ((1)) WHERE label IS NULL'],
    ['what is no longer unique', 'CREATE UNIQUE INDEX loud ON names ((id > 0))'],
  ])('is no index on %s: that holds the sync', async (_, statement) => {
    await run(statement);
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets[0] = names({ columns: [{ name: 'id', type: 'bigint' }], rows: [['1'], ['2']] });

    const { error } = await edge.sync();
    expect(error).toMatchObject({ code: 'MIRROR_HAS_DEPENDENTS' });
    expect(error!.message).toContain('names (index loud');

    await run('DROP INDEX loud');
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await reader.stop()).toEqual([ada, '[{"id": 1}, {"id": 2}]']);
  });

  it('is what was granted, on the table and on columns that stay', async () => {
    await run(
      `GRANT SELECT ON names TO PUBLIC`,
      `GRANT TRIGGER ON names TO ${role} WITH GRANT OPTION`,
      `GRANT UPDATE (label), REFERENCES (id) ON names TO ${role}`,
    );
    const granted = `
      SELECT relacl::text[] AS "table", (SELECT array_agg(attname || attacl::text ORDER BY attname) FROM pg_attribute
        WHERE attrelid = class.oid AND attacl IS NOT NULL) AS columns
      FROM pg_class class WHERE oid = 'names'::regclass`;
    const before = await edge.select(granted);
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets[0] = namesWithNote();

    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied' });

    expect(await edge.select(granted)).toEqual(before);
    expect(await reader.stop()).toEqual([ada, adaWithNote]);
    edge.hub.datasets[0] = names({ columns: [{ name: 'id', type: 'bigint' }], rows: [['1']] });
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('is who owns it', async () => {
    await run(`ALTER TABLE names OWNER TO ${role}`);
    edge.hub.datasets[0] = namesWithNote();
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await edge.select(`SELECT tableowner FROM pg_tables WHERE tablename = 'names'`)).toEqual([
      { tableowner: role },
    ]);
  });
});
