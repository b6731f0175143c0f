import { hash } from 'node:crypto';
import { numberedTexts, type FakeDataset } from '@rivulet/testing';
import { setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { rowsOf, syncWatched, WatchingReader } from '../../test/watching-reader';

const edge = setUpSyncCycles();

/** The dataset `names`, as it is before every change. */
function names(): FakeDataset {
  return numberedTexts('names', ['Ada', 'Grace']);
}

const old = seen({ id: 1, label: 'Ada' }, { id: 2, label: 'Grace' });

/** As a reader sees these rows. */
function seen(...rows: object[]): string {
  return JSON.stringify(rows);
}

/** Sights have spaces that JSON.stringify does not make. */
function parsed(sights: string[]): string[] {
  return sights.map((sight) => JSON.stringify(JSON.parse(sight)));
}

const id = { name: 'id', type: 'bigint' };
const label = { name: 'label', type: 'text' };

beforeEach(async () => {
  edge.hub.datasets = [names(), numberedTexts('areas', ['Lobby'])];
  await edge.sync();
});

/** A changed dataset, with its name for the test; then the rows that a reader sees. */
const changes: [string, Partial<FakeDataset>, string][] = [
  [
    'a column is added',
    {
      columns: [id, label, { name: 'born', type: 'date' }],
      rows: [
        ['1', 'Ada', '1815-12-10'],
        ['2', 'Grace', '\\N'],
      ],
    },
    seen({ id: 1, born: '1815-12-10', label: 'Ada' }, { id: 2, born: null, label: 'Grace' }),
  ],
  ['a column is dropped', { columns: [id], rows: [['1'], ['2']] }, seen({ id: 1 }, { id: 2 })],
  [
    'a column is renamed',
    { columns: [id, { ...label, name: 'name' }] },
    seen({ id: 1, name: 'Ada' }, { id: 2, name: 'Grace' }),
  ],
  [
    'a column is retyped',
    {
      columns: [id, { ...label, type: 'integer' }],
      rows: [
        ['1', '36'],
        ['2', '85'],
      ],
    },
    seen({ id: 1, label: 36 }, { id: 2, label: 85 }),
  ],
  [
    'the key is changed',
    {
      columns: [label, id],
      key: ['label'],
      rows: [
        ['Ada', '1'],
        ['Edsger', '1'],
      ],
    },
    seen({ id: 1, label: 'Ada' }, { id: 1, label: 'Edsger' }),
  ],
  [
    'the key gets another column',
    {
      key: ['id', 'label'],
      rows: [
        ['1', 'Ada'],
        ['1', 'Edsger'],
      ],
    },
    seen({ id: 1, label: 'Ada' }, { id: 1, label: 'Edsger' }),
  ],
];

describe('a reader of a mirror', () => {
  it.each(changes)('of which %s sees the old rows, then the new ones', async (_, change, expected) => {
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets[0] = { ...names(), ...change };

    const result = await syncWatched(edge, [reader]);

    expect(result).toMatchObject({
      status: 'applied',
      tables: [
        { name: 'names', action: 'rebuilt' },
        { name: 'areas', action: 'unchanged' },
      ],
    });
    expect(parsed(await reader.stop())).toEqual([old, expected]);
    expect(await edge.scrub({ repair: false })).toMatchObject({ status: 'intact' });
    expect(await edge.sync()).toMatchObject({ status: 'current' });
  });

  it('of which columns change, and of another of which rows do, sees one manifest', async () => {
    const both = `SELECT (SELECT string_agg(to_jsonb(names)::text, ' ' ORDER BY id) FROM names)
      || (SELECT string_agg(to_jsonb(areas)::text, ' ' ORDER BY id) FROM areas) AS seen`;
    const reader = await WatchingReader.start(edge, both);
    const [before] = reader.sights;
    edge.hub.datasets = [
      { ...names(), columns: [id], rows: [['1']] },
      numberedTexts('areas', ['Roof', 'Lobby']),
    ];

    expect(await syncWatched(edge, [reader])).toMatchObject({
      tables: [{ action: 'rebuilt' }, { action: 'patched' }],
    });

    expect(await reader.stop()).toEqual([
      before,
      '{"id": 1}{"id": 1, "label": "Roof"} {"id": 2, "label": "Lobby"}',
    ]);
  });

  it('that holds the old one in an open transaction is waited for, and others read on', async () => {
    const holder = await edge.database.pool.connect();
    await holder.query('BEGIN; SELECT FROM names');
    const reader = await WatchingReader.start(edge, rowsOf('names'));
    edge.hub.datasets[0] = { ...names(), columns: [id], rows: [['1']] };

    const cycle = edge.sync();
    for (let time = 0; time < 100; time++) await reader.readAgain();
    expect(reader.sights).toHaveLength(1);
    await holder.query('COMMIT');
    holder.release();

    expect(await cycle).toMatchObject({ status: 'applied' });
    expect(parsed(await reader.stop())).toEqual([old, seen({ id: 1 })]);
  });

  it('that holds the old one for too long keeps it', async () => {
    edge.applyLimits.lockTimeoutMs = 250;
    const holder = await edge.database.pool.connect();
    await holder.query('BEGIN; SELECT FROM names');
    edge.hub.datasets[0] = { ...names(), columns: [id], rows: [['1']] };

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'MIRROR_BUSY' } });
    await holder.query('ROLLBACK');
    holder.release();

    expect(await edge.select('SELECT * FROM names')).toHaveLength(2);
    expect(await edge.sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
  });
});

describe('a mirror that is rebuilt', () => {
  const wide = [id, label, { name: 'note', type: 'text' }];
  const rows = [['1', 'Ada', 'x']];

  it('has the names of its indexes again, and leaves nothing behind', async () => {
    edge.hub.datasets[0] = { ...names(), indexes: [['label']] };
    await edge.sync();
    edge.hub.datasets[0] = { ...names(), indexes: [['label']], columns: wide, rows };
    await edge.sync();

    expect(
      await edge.select(`SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'areas%' ORDER BY relname`),
    ).toEqual([{ name: 'names' }, { name: 'names_label_idx' }, { name: 'names_pkey' }]);
  });

  it('is as it was when the manifest cannot be proved', async () => {
    const before = await edge.everything('names', 'areas');
    await edge.database.pool.query(`
      CREATE FUNCTION public.meddle() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.label := upper(NEW.label); RETURN NEW; END $$;
      CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON areas FOR EACH ROW EXECUTE FUNCTION public.meddle()`);
    edge.hub.datasets = [{ ...names(), columns: wide, rows }, numberedTexts('areas', ['Roof'])];

    expect(await edge.sync()).toMatchObject({ status: 'failed', error: { code: 'CHECKSUM_MISMATCH' } });
    expect(await edge.everything('names', 'areas')).toEqual(before);
    expect(await edge.select(`SELECT FROM pg_class WHERE relname LIKE 'rivulet_new%'`)).toEqual([]);
  });

  it('may have keys that PostgreSQL calls equal: then the dataset is named, and nothing is changed', async () => {
    const before = await edge.everything('names', 'areas');
    edge.hub.datasets[0] = {
      ...names(),
      columns: [{ ...id, type: 'numeric' }, label],
      rows: [
        ['1.0', 'Ada'],
        ['1.00', 'Grace'],
      ],
    };

    const { error } = await edge.sync();
    expect(error).toMatchObject({ code: 'DATASET_KEY_NOT_UNIQUE' });
    expect(error!.message).toContain('Dataset names has two rows');
    expect(error!.message).toContain('(id)=(1.0');
    expect(await edge.everything('names', 'areas')).toEqual(before);
  });

  it('may have a key that no index takes: then that is said', async () => {
    // Does not compress.
    const large = Array.from({ length: 200 }, (_, index) => hash('sha256', String(index))).join('');
    edge.hub.datasets[0] = {
      ...names(),
      columns: [label, id],
      key: ['label'],
      rows: [[large, '1']],
    };

    const { error } = await edge.sync();
    expect(error).toMatchObject({ code: 'ROW_TOO_LARGE' });
    expect(error!.message).toMatch(/more in the columns of a key or an index.*index row/);
  });
});
