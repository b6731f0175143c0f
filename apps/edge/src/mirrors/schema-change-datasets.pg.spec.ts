import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { NOTHING, rowsOf, syncWatched, WatchingReader } from '../../test/watching-reader';

const edge = setUpSyncCycles();

const ada = '[{"id": 1, "label": "Ada"}, {"id": 2, "label": "Grace"}]';
const lobby = '[{"id": 1, "label": "Lobby"}]';

function names(change: Partial<FakeDataset> = {}): FakeDataset {
  return { ...numberedTexts('names', ['Ada', 'Grace']), ...change };
}

function areas(change: Partial<FakeDataset> = {}): FakeDataset {
  return { ...numberedTexts('areas', ['Lobby']), ...change };
}

async function commentOf(table: string): Promise<string | null> {
  const [row] = await edge.select<{ comment: string | null }>(
    `SELECT obj_description(to_regclass('${table}'), 'pg_class') AS comment`,
  );
  return row!.comment;
}

async function oidOf(table: string): Promise<unknown> {
  return (await edge.select(`SELECT to_regclass('${table}')::oid AS oid`))[0];
}

beforeEach(async () => {
  edge.hub.datasets = [names(), areas()];
  await edge.sync();
});

describe('a dataset that is added', () => {
  it('has its table, full, in one moment', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('types'));
    edge.hub.datasets.push(numberedTexts('types', ['a', 'b']));

    expect(await syncWatched(edge, [reader])).toMatchObject({
      tables: [{ action: 'unchanged' }, { action: 'unchanged' }, { name: 'types', action: 'created' }],
    });

    expect(await reader.stop()).toEqual([NOTHING, '[{"id": 1, "label": "a"}, {"id": 2, "label": "b"}]']);
  });

  it('may be in a schema that is not there yet', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('plant.types'));
    edge.hub.datasets.push({ ...numberedTexts('types', ['a']), schema: 'plant' });

    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied' });

    expect(await reader.stop()).toEqual([NOTHING, '[{"id": 1, "label": "a"}]']);
    expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
  });

  it('may have the name of a mirror in another schema', async () => {
    edge.hub.datasets.push({ ...names({ name: 'more', schema: 'plant' }), rows: [['7', 'x']] });

    expect(await edge.sync()).toMatchObject({ status: 'applied' });

    expect(await edge.select('SELECT * FROM public.names')).toHaveLength(2);
    expect(await edge.select('SELECT * FROM plant.names')).toEqual([{ id: '7', label: 'x' }]);
  });
});

describe('a dataset that is removed', () => {
  it('leaves its mirror as it is, with a comment that says so, when that is to be kept', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('areas'));
    edge.hub.datasets = [names()];

    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied' });

    expect(await reader.stop()).toEqual([lobby]);
    expect(await commentOf('areas')).toMatch(/^Rivulet mirror of dataset areas, .* not kept up to date$/);
    expect((await edge.state.tables()).map(({ name }) => name)).toEqual(['names']);
    expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
  });

  it('takes its mirror back when it returns', async () => {
    edge.hub.datasets = [names()];
    await edge.sync();
    const reader = await WatchingReader.start(edge, rowsOf('areas'));
    const before = await oidOf('areas');
    edge.hub.datasets = [names(), areas({ rows: [['1', 'Roof']] })];

    expect(await edge.sync()).toMatchObject({ tables: [{ action: 'unchanged' }, { action: 'merged' }] });

    expect(await reader.stop()).toEqual([lobby, '[{"id": 1, "label": "Roof"}]']);
    expect(await commentOf('areas')).toBe('Rivulet mirror of dataset areas');
    expect(await oidOf('areas')).toEqual(before);
  });

  it('takes its mirror along when that is to be dropped', async () => {
    edge.hub.datasets = [names(), areas({ onRemove: 'drop' })];
    expect(await edge.sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
    const reader = await WatchingReader.start(edge, rowsOf('areas'));
    edge.hub.datasets = [names()];

    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied' });

    expect(await reader.stop()).toEqual([lobby, NOTHING]);
    expect(await edge.sync()).toMatchObject({ status: 'current' });
  });

  it('takes no table along that is not its mirror any more', async () => {
    edge.hub.datasets = [names(), areas({ onRemove: 'drop' })];
    await edge.sync();
    await edge.database.pool.query('DROP TABLE public.areas; CREATE TABLE public.areas AS SELECT 7 AS own');
    edge.hub.datasets = [names()];

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await edge.select('SELECT * FROM areas')).toEqual([{ own: 7 }]);
  });

  it('leaves its mirror to a dataset that takes its table', async () => {
    const before = await oidOf('areas');
    edge.hub.datasets = [names(), areas({ name: 'rooms', onRemove: 'drop' })];

    expect(await edge.sync()).toMatchObject({ status: 'applied' });

    expect(await edge.select('SELECT label FROM areas')).toEqual([{ label: 'Lobby' }]);
    expect(await commentOf('areas')).toBe('Rivulet mirror of dataset rooms');
    expect(await oidOf('areas')).toEqual(before);
  });
});

describe('a table that is to have another name', () => {
  it('is renamed: a reader finds its rows under the one or the other', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('names'), rowsOf('people'));
    const before = await oidOf('names');
    edge.hub.datasets[0] = names({ table: 'people' });

    const result = await syncWatched(edge, [reader]);

    expect(result).toMatchObject({ wireBytes: 0, tables: [{ table: 'people', action: 'unchanged' }, {}] });
    expect(await reader.stop()).toEqual([ada]);
    expect(await oidOf('people')).toEqual(before);
    expect(await oidOf('names')).toEqual({ oid: null });
    expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
  });

  it('moves to another schema in the same way', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('public.names'), rowsOf('plant.names'));
    const before = await oidOf('names');
    edge.hub.datasets[0] = names({ schema: 'plant' });

    expect(await syncWatched(edge, [reader])).toMatchObject({ wireBytes: 0 });

    expect(await reader.stop()).toEqual([ada]);
    expect(await oidOf('plant.names')).toEqual(before);
    expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
    expect(await edge.sync()).toMatchObject({ status: 'current' });
  });

  it('takes what depends on it along', async () => {
    await edge.database.pool.query(`
      CREATE VIEW public.all_names AS SELECT label FROM names;
      CREATE TABLE public.badges (name_id bigint REFERENCES names); INSERT INTO badges VALUES (2)`);
    edge.hub.datasets[0] = names({ table: 'people', schema: 'plant' });

    expect(await edge.sync()).toMatchObject({ status: 'applied' });

    expect(await edge.select('SELECT label FROM all_names ORDER BY label')).toHaveLength(2);
    await expect(edge.select('INSERT INTO badges VALUES (3)')).rejects.toThrow('foreign key');
  });

  it('may change its rows in the same moment', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('names'), rowsOf('people'));
    edge.hub.datasets[0] = names({ table: 'people', rows: [['1', 'Edsger']] });

    expect(await syncWatched(edge, [reader])).toMatchObject({ tables: [{ action: 'patched' }, {}] });

    expect(await reader.stop()).toEqual([ada, '[{"id": 1, "label": "Edsger"}]']);
  });

  it('may change its columns in the same moment', async () => {
    const reader = await WatchingReader.start(edge, rowsOf('names'), rowsOf('people'));
    const columns = [{ name: 'id', type: 'integer' }];
    edge.hub.datasets[0] = names({ table: 'people', columns, rows: [['5']] });

    expect(await syncWatched(edge, [reader])).toMatchObject({ tables: [{ action: 'rebuilt' }, {}] });

    expect(await reader.stop()).toEqual([ada, '[{"id": 5}]']);
    expect(await oidOf('names')).toEqual({ oid: null });
  });

  it('may change names with another', async () => {
    const query = `SELECT (SELECT count(*) FROM names) || ' and ' || (SELECT count(*) FROM areas) AS seen`;
    const reader = await WatchingReader.start(edge, query);
    edge.hub.datasets = [names({ table: 'areas' }), areas({ table: 'names' })];

    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied', wireBytes: 0 });

    expect(await reader.stop()).toEqual(['2 and 1', '1 and 2']);
    expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
  });

  it('may take the name of one that is dropped', async () => {
    edge.hub.datasets = [names(), areas({ onRemove: 'drop' })];
    await edge.sync();
    const reader = await WatchingReader.start(edge, rowsOf('areas'));
    edge.hub.datasets = [names({ table: 'areas' })];

    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied' });

    expect(await reader.stop()).toEqual([lobby, ada]);
  });

  it('stays where it is while an application has the name', async () => {
    await edge.database.pool.query('CREATE VIEW public.people AS SELECT 1 AS id');
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets[0] = names({ table: 'people', rows: [] });

    const { error } = await edge.sync();

    expect(error).toMatchObject({
      code: 'MIRROR_TABLE_CONFLICT',
      message: 'Dataset names needs the name people, which belongs to a view that Rivulet did not create.',
    });
    expect(await reader.stop()).toEqual([ada]);
  });

  it('stays where it is while its indexes have no room there', async () => {
    await edge.database.pool.query('CREATE SCHEMA plant; CREATE TABLE plant.names_pkey (id int)');
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets[0] = names({ schema: 'plant' });

    const { error } = await edge.sync();

    expect(error).toMatchObject({ code: 'MIRROR_TABLE_CONFLICT' });
    expect(error!.message).toMatch(/dataset names cannot move to plant.names: .*names_pkey/);
    expect(await reader.stop()).toEqual([ada]);
  });
});
