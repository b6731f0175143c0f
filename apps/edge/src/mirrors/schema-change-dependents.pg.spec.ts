import { numberedTexts } from '@rivulet/testing';
import { ada, adaWithNote, names, namesWithNote, runAsApplication } from '../../test/names-dataset';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { NOTHING, rowsOf, syncWatched, WatchingReader } from '../../test/watching-reader';

const edge = setUpSyncCycles();

const run = (...statements: string[]): Promise<void> => runAsApplication(edge, ...statements);

beforeEach(async () => {
  edge.hub.datasets = [names(), numberedTexts('areas', ['Lobby'])];
  await edge.sync();
});

/** Objects that applications may have made of a mirror: their names, and how they go. */
const dependents: [string, string, string, string][] = [
  ['a view', 'CREATE VIEW loud AS SELECT upper(label) FROM names', 'view public.loud', 'DROP VIEW loud'],
  [
    'a materialized view',
    'CREATE MATERIALIZED VIEW loud AS SELECT upper(label) FROM names',
    'materialized view public.loud',
    'DROP MATERIALIZED VIEW loud',
  ],
  [
    'a foreign key that refers to it',
    'CREATE TABLE badges (name_id bigint CONSTRAINT badge_name REFERENCES names)',
    'table constraint badge_name on public.badges',
    'DROP TABLE badges',
  ],
  [
    'a foreign key of its own',
    'ALTER TABLE names ADD CONSTRAINT in_area FOREIGN KEY (id) REFERENCES areas',
    'table constraint in_area on public.names',
    'ALTER TABLE names DROP CONSTRAINT in_area',
  ],
  [
    'a check',
    'ALTER TABLE names ADD CONSTRAINT short CHECK (length(label) < 99)',
    'table constraint short on public.names',
    'ALTER TABLE names DROP CONSTRAINT short',
  ],
  [
    'a unique constraint',
    'ALTER TABLE names ADD CONSTRAINT single UNIQUE (label)',
    'table constraint single on public.names',
    'ALTER TABLE names DROP CONSTRAINT single',
  ],
  [
    'a default',
    `ALTER TABLE names ALTER label SET DEFAULT 'nobody'`,
    'default value for public.names.label',
    'ALTER TABLE names ALTER label DROP DEFAULT',
  ],
  [
    'a trigger',
    `CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
     CREATE TRIGGER tell AFTER INSERT ON names EXECUTE FUNCTION tell()`,
    'trigger tell on public.names',
    'DROP TRIGGER tell ON names',
  ],
  [
    'a rule',
    'CREATE RULE quiet AS ON DELETE TO names WHERE false DO ALSO NOTHING',
    'rule quiet on public.names',
    'DROP RULE quiet ON names',
  ],
  [
    'a policy',
    'CREATE POLICY mine ON names USING (id > 0)',
    'policy mine on public.names',
    'DROP POLICY mine ON names',
  ],
  [
    'row level security',
    'ALTER TABLE names ENABLE ROW LEVEL SECURITY',
    'row level security',
    'ALTER TABLE names DISABLE ROW LEVEL SECURITY',
  ],
  [
    'a publication',
    'CREATE PUBLICATION feed FOR TABLE names',
    'publication relation public.names in publication feed',
    'DROP PUBLICATION feed',
  ],
  [
    'a child',
    'CREATE TABLE more_names () INHERITS (names)',
    'table public.more_names',
    'DROP TABLE more_names',
  ],
  [
    'a parent',
    'CREATE TABLE things (id bigint NOT NULL); ALTER TABLE names INHERIT things',
    'inheritance from things',
    'ALTER TABLE names NO INHERIT things',
  ],
  [
    'a column of its type',
    'CREATE TABLE old_names (was names)',
    'table column public.old_names.was',
    'DROP TABLE old_names',
  ],
  [
    'a column of many of its type',
    'CREATE TABLE old_names (were names[])',
    'table column public.old_names.were',
    'DROP TABLE old_names',
  ],
  [
    'a function that returns its rows',
    `CREATE FUNCTION first_name() RETURNS names LANGUAGE sql AS 'SELECT * FROM public.names LIMIT 1'`,
    'function public.first_name()',
    'DROP FUNCTION first_name()',
  ],
  [
    'statistics',
    'CREATE STATISTICS pairs ON id, label FROM names',
    'statistics object public.pairs',
    'DROP STATISTICS pairs',
  ],
];

describe('a mirror whose columns change, and that has', () => {
  it.each(dependents)('%s, holds the sync and names it, until it is gone', async (_, make, named, drop) => {
    await run(make);
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    const before = await edge.everything('names', 'areas');
    edge.hub.datasets = [namesWithNote(), numberedTexts('areas', ['Roof'])];

    const { status, error } = await edge.sync();

    expect({ status, code: error?.code }).toEqual({ status: 'failed', code: 'MIRROR_HAS_DEPENDENTS' });
    expect(error!.message).toBe(
      `Mirrors that must be rebuilt or dropped have dependent objects that the change would drop: names (${named}).`,
    );
    expect(error!.nextStep).toContain('Drop or change the objects in the message');
    expect(await edge.everything('names', 'areas')).toEqual(before);

    await run(drop);
    expect(await syncWatched(edge, [reader])).toMatchObject({
      status: 'applied',
      wireBytes: 0,
      tables: [{ action: 'rebuilt' }, { action: 'patched' }],
    });
    expect(await reader.stop()).toEqual([ada, adaWithNote]);
  });

  it('what was made after the look, is held all the same', async () => {
    const recordApplied = edge.state.recordApplied.bind(edge.state);
    jest.spyOn(edge.state, 'recordApplied').mockImplementationOnce(async (...args) => {
      await recordApplied(...args);
      await run('CREATE VIEW loud AS SELECT upper(label) FROM names');
    });
    edge.hub.datasets[0] = namesWithNote();

    expect(await edge.sync()).toMatchObject({ error: { code: 'MIRROR_HAS_DEPENDENTS' } });
    expect(await edge.select('SELECT * FROM loud')).toEqual([{ upper: 'ADA' }]);
  });

  it('more than can be named, has the rest counted', async () => {
    for (let number = 10; number < 35; number++) {
      await run(`CREATE VIEW v${number} AS SELECT label FROM names`);
    }
    edge.hub.datasets[0] = namesWithNote();

    const { error } = await edge.sync();
    expect(error!.message.match(/view public.v\d+/g)).toHaveLength(20);
    expect(error!.message).toContain(' And 5 more.');
  });
});

describe('two mirrors that change at once', () => {
  it('are both held when something depends on one, and both go on when it is gone', async () => {
    await run('CREATE VIEW loud AS SELECT upper(label) FROM names');
    const both = `SELECT (SELECT string_agg(to_jsonb(names)::text, ' ' ORDER BY id) FROM names)
      || (SELECT string_agg(to_jsonb(areas)::text, ' ' ORDER BY id) FROM areas) AS seen`;
    const reader = await WatchingReader.start(edge, both);
    edge.hub.datasets = [
      namesWithNote(),
      { ...numberedTexts('areas', []), columns: [{ name: 'id', type: 'integer' }], rows: [['7']] },
    ];

    expect(await edge.sync()).toMatchObject({ error: { code: 'MIRROR_HAS_DEPENDENTS' } });
    await reader.readAgain();
    expect(reader.sights).toHaveLength(1);

    await run('DROP VIEW loud');
    expect(await syncWatched(edge, [reader])).toMatchObject({ status: 'applied' });
    expect(await reader.stop()).toEqual([
      '{"id": 1, "label": "Ada"}{"id": 1, "label": "Lobby"}',
      '{"id": 1, "note": "x", "label": "Ada"}{"id": 7}',
    ]);
  });
});

describe('a mirror whose dataset is removed and that is to be dropped', () => {
  beforeEach(async () => {
    edge.hub.datasets[0] = names({ onRemove: 'drop' });
    await edge.sync();
    edge.hub.datasets.shift();
  });

  it('holds the sync when a view needs it, until that is gone', async () => {
    await run('CREATE VIEW loud AS SELECT upper(label) FROM names');
    const reader = await WatchingReader.start(edge, rowsOf('names'));

    expect(await edge.sync()).toMatchObject({
      error: {
        code: 'MIRROR_HAS_DEPENDENTS',
        message: expect.stringContaining('view public.loud') as string,
      },
    });

    await run('DROP VIEW loud');
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await reader.stop()).toEqual([ada, NOTHING]);
  });

  it('goes with what is part of it', async () => {
    await run(
      'CREATE INDEX loud ON names (upper(label))',
      'CREATE POLICY mine ON names USING (id > 0)',
      'ALTER TABLE names ADD CONSTRAINT short CHECK (length(label) < 99)',
    );

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await edge.select(`SELECT FROM pg_class WHERE relname IN ('names', 'loud')`)).toEqual([]);
  });
});

describe('rows of a mirror to which a foreign key refers', () => {
  beforeEach(() =>
    run('CREATE TABLE badges (name_id bigint REFERENCES names); INSERT INTO badges VALUES (1)'),
  );

  it('may change', async () => {
    edge.hub.datasets[0] = names({ rows: [['1', 'Grace']] });
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it('hold the sync when they are to go', async () => {
    edge.hub.datasets[0] = names({ rows: [['2', 'Grace']] });
    const { error } = await edge.sync();

    expect(error).toMatchObject({ code: 'MIRROR_HAS_DEPENDENTS' });
    expect(error!.message).toContain('badges');
    await run('DELETE FROM badges');
    expect(await edge.sync()).toMatchObject({ status: 'applied' });
  });

  it.each([
    ['auto', 'merged'],
    ['truncate', 'loaded'],
  ] as const)('are not emptied when their record is lost (%s)', async (mode, action) => {
    edge.applyMode = mode;
    await run('DELETE FROM rivulet.edge_mirror_chunks');
    edge.hub.datasets[0] = names({
      rows: [
        ['1', 'Ada'],
        ['2', 'Grace'],
      ],
    });

    expect(await edge.sync()).toMatchObject({
      status: 'applied',
      tables: [{ action: 'merged', rowsChanged: 1 }, { action }],
    });
    expect(await edge.select('SELECT * FROM badges')).toEqual([{ name_id: '1' }]);
  });

  it('may be none: a mirror without rows is loaded all the same', async () => {
    await run('DELETE FROM badges');
    edge.hub.datasets[0] = names({ rows: [] });
    await edge.sync();
    edge.hub.datasets[0] = names();

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await edge.select('SELECT label FROM names')).toEqual([{ label: 'Ada' }]);
  });
});
