import { numberedTexts } from '@rivulet/testing';
import { setUpSyncCycles } from '../../../test/sync-cycle-fixture';

const edge = setUpSyncCycles();

async function labelsOf(table: string): Promise<string[]> {
  const { rows } = await edge.database.pool.query<{ label: string }>(
    `SELECT label FROM ${table} ORDER BY id`,
  );
  return rows.map(({ label }) => label);
}

describe('the first sync', () => {
  it('makes the mirrors, fills and proves them, and tells central', async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => `name number ${index}, at some length`);
    edge.hub.datasets = [numberedTexts('names', many), numberedTexts('none', [])];

    const result = await edge.sync();

    const [names, none] = result.tables;
    expect(result).toMatchObject({ status: 'applied', acknowledged: true, epoch: 1, sequence: 1 });
    expect(names).toMatchObject({ name: 'names', action: 'created', rows: 5_000 });
    expect(none).toMatchObject({ name: 'none', action: 'created', rows: 0, bytes: 0 });
    expect(await labelsOf('names')).toEqual(many);
    expect(await labelsOf('none')).toEqual([]);
    expect(edge.hub.acknowledgements).toEqual([
      {
        manifestId: result.manifestId,
        status: 'applied',
        cycleId: result.cycleId,
        finishedAt: expect.any(String) as string,
        durationMs: expect.any(Number) as number,
        tables: [
          { name: 'names', rows: 5_000, checksum: names!.checksum },
          { name: 'none', rows: 0, checksum: none!.checksum },
        ],
      },
    ]);
    expect(edge.warnings).toEqual([]);
  });

  it('leaves its story in the log and nothing in the spool', async () => {
    edge.hub.datasets = [numberedTexts('names', ['Ada'])];
    const result = await edge.sync();

    const [entry] = await edge.state.history(10);
    const { durations, finishedAt, ...same } = result;
    expect(entry).toMatchObject(same);
    expect(Object.keys(entry!.durations).toSorted()).toEqual(Object.keys(durations).toSorted());
    expect(Date.parse(entry!.finishedAt)).toBeLessThanOrEqual(Date.parse(finishedAt));
    expect(await edge.state.lastConfirmedAt()).toEqual(new Date(entry!.startedAt));
    expect(edge.spool.bytes).toBe(0);
  });
});

describe('a later sync', () => {
  beforeEach(async () => {
    edge.hub.datasets = [numberedTexts('names', ['Ada', 'Grace']), numberedTexts('areas', ['Lobby'])];
    await edge.sync();
  });

  it('says what this device has, and is current when that is what it should have', async () => {
    const first = await edge.state.read();
    const result = await edge.sync();

    expect(edge.hub.requests[1]).toMatchObject({
      lastManifestId: first!.manifestId,
      schemaVersion: first!.schemaVersion,
      tables: (await edge.state.tables()).map(({ name, fingerprint, checksum }) => ({
        name,
        fingerprint,
        checksum,
      })),
    });
    expect(edge.hub.requests[1]!.nonce).not.toBe(edge.hub.requests[0]!.nonce);
    expect(result).toMatchObject({
      status: 'current',
      manifestId: first!.manifestId,
      sequence: 1,
      wireBytes: 0,
    });
    expect(result.tables.map(({ name, action }) => [name, action])).toEqual([
      ['areas', 'unchanged'],
      ['names', 'unchanged'],
    ]);
    expect(edge.hub.fetches).toHaveLength(1);
    expect(edge.hub.acknowledgements).toHaveLength(1);
  });

  it('changes the rows that differ, in the tables that have changed and no other', async () => {
    edge.hub.datasets[0] = numberedTexts('names', ['Ada', 'Grace Hopper', 'Edsger']);
    const result = await edge.sync();

    expect(
      result.tables.map(({ name, action, rows, rowsChanged }) => [name, action, rows, rowsChanged]),
    ).toEqual([
      ['names', 'patched', 3, 2],
      ['areas', 'unchanged', 1, 0],
    ]);
    expect(await labelsOf('names')).toEqual(['Ada', 'Grace Hopper', 'Edsger']);
    const [areas, names] = await edge.state.tables();
    expect(names).toMatchObject({
      manifestId: result.manifestId,
      rows: 3,
      checksum: result.tables[0]!.checksum,
    });
    expect(areas!.manifestId).not.toBe(result.manifestId);
  });

  it('empties a mirror that has no rows any more', async () => {
    edge.hub.datasets[0] = numberedTexts('names', []);

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(await labelsOf('names')).toEqual([]);
  });

  it('makes a mirror again whose columns have changed, in the same transaction', async () => {
    const { rows, ...schema } = edge.hub.datasets[0]!;
    const columns = [...schema.columns, { name: 'born', type: 'date' }];
    edge.hub.datasets[0] = { ...schema, columns, rows: rows.map((row) => [...row, '1815-12-10']) };
    const result = await edge.sync();

    expect(result.tables.map(({ action }) => action)).toEqual(['rebuilt', 'unchanged']);
    expect(await edge.select('SELECT id, label, born::text FROM names ORDER BY id')).toEqual([
      { id: '1', label: 'Ada', born: '1815-12-10' },
      { id: '2', label: 'Grace', born: '1815-12-10' },
    ]);
  });

  it('makes an index that is new, without loading the table', async () => {
    edge.hub.datasets[0] = { ...edge.hub.datasets[0]!, indexes: [['label']] };

    expect(await edge.sync()).toMatchObject({ status: 'applied', wireBytes: 0 });
    expect(await edge.select(`SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%(label)'`)).toHaveLength(
      1,
    );
    expect(await edge.sync()).toMatchObject({ status: 'current' });
  });

  it('forgets a table that has left the manifest, and merges it when it comes back', async () => {
    const areas = edge.hub.datasets.pop()!;
    expect((await edge.sync()).tables.map(({ name }) => name)).toEqual(['names']);
    expect((await edge.state.tables()).map(({ name }) => name)).toEqual(['names']);

    edge.hub.datasets.push({ ...areas, rows: [['1', 'Roof']] });
    const result = await edge.sync();

    expect(result.tables.map(({ name, action }) => [name, action])).toEqual([
      ['names', 'unchanged'],
      ['areas', 'merged'],
    ]);
    expect(await labelsOf('areas')).toEqual(['Roof']);
  });

  it('moves the mirror of a dataset that is to have another name, and fetches nothing', async () => {
    edge.hub.datasets[0] = { ...edge.hub.datasets[0]!, table: 'people' };
    const result = await edge.sync();

    expect(result.tables[0]).toMatchObject({ name: 'names', table: 'people', action: 'unchanged', rows: 2 });
    expect(result.wireBytes).toBe(0);
    expect(await labelsOf('people')).toEqual(['Ada', 'Grace']);
    expect((await edge.state.tables()).map(({ table }) => table)).toEqual(['areas', 'people']);
    expect(await edge.sync()).toMatchObject({ status: 'current' });
  });

  it.each([
    ['was dropped', 'DROP TABLE names', 'created'],
    ['was altered', 'ALTER TABLE names ADD COLUMN note text', 'rebuilt'],
    ['lost its key', 'ALTER TABLE names DROP CONSTRAINT names_pkey', 'rebuilt'],
  ])('makes a mirror whole that %s on the device', async (_, damage, cure) => {
    await edge.database.pool.query(damage);
    const result = await edge.sync();

    expect(result.tables.map(({ action }) => action)).toEqual([cure, 'unchanged']);
    expect(await edge.select('SELECT * FROM names ORDER BY id')).toEqual([
      { id: '1', label: 'Ada' },
      { id: '2', label: 'Grace' },
    ]);
  });
});

describe('a wrong clock', () => {
  it.each([
    ['1970', ['1970-01-01T00:00:01Z', '1970-01-01T00:05:01Z']],
    ['2099', ['2099-12-31T23:59:59Z', '2100-01-01T00:04:59Z']],
    ['jumping back', ['2099-12-31T23:59:59Z', '1970-01-01T00:00:01Z']],
  ])('of %s changes nothing in what is applied', async (_, times) => {
    const clock = times.map((time) => new Date(time));
    edge.hub.datasets = [numberedTexts('names', ['Ada'])];
    expect(await edge.sync({ now: () => clock[0]! })).toMatchObject({
      status: 'applied',
      acknowledged: true,
    });

    edge.hub.datasets = [numberedTexts('names', ['Grace'])];
    expect(await edge.sync({ now: () => clock[1]! })).toMatchObject({ status: 'applied', sequence: 2 });
    expect(await edge.sync({ now: () => clock[0]! })).toMatchObject({ status: 'current', sequence: 2 });

    expect(await labelsOf('names')).toEqual(['Grace']);
    expect((await edge.state.history(10)).map(({ status }) => status)).toEqual([
      'current',
      'applied',
      'applied',
    ]);
  });
});
