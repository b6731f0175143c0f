import { RivuletError } from '@rivulet/errors';
import { numberedTexts } from '@rivulet/testing';
import { LONG_NAMES, longNames, setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { ScrubLog } from '../state/scrub-log';
import { initialProgress } from '../state/sync-progress';

const edge = setUpSyncCycles();

async function mirrors(): Promise<unknown> {
  return edge.select(`
    SELECT (SELECT json_agg(names ORDER BY id) FROM names) AS names,
           (SELECT json_agg(areas ORDER BY id) FROM areas) AS areas`);
}

function framesFetched(): number {
  return edge.hub.fetches.flat().reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

beforeEach(async () => {
  edge.hub.datasets = [longNames(), numberedTexts('areas', ['Lobby', 'Roof'])];
  await edge.sync();
  edge.hub.fetches.length = 0;
});

describe('a scrub', () => {
  it('of mirrors that are as they were applied finds nothing, and asks nobody', async () => {
    const requests = edge.hub.requests.length;
    const progress = initialProgress();

    expect(await edge.scrub({ progress })).toEqual({
      scrubId: expect.stringMatching(/^[0-9A-Z]{26}$/) as string,
      trigger: 'operator',
      status: 'intact',
      startedAt: expect.any(String) as string,
      finishedAt: expect.any(String) as string,
      durationMs: expect.any(Number) as number,
      tables: [
        {
          name: 'areas',
          table: 'areas',
          status: 'intact',
          rows: 2,
          chunks: 1,
          deviations: [],
          deviationCount: 0,
        },
        {
          name: 'names',
          table: 'names',
          status: 'intact',
          rows: LONG_NAMES,
          chunks: expect.any(Number) as number,
          deviations: [],
          deviationCount: 0,
        },
      ],
    });
    expect(progress).toMatchObject({ rowsDone: LONG_NAMES + 2, rowsTotal: LONG_NAMES + 2 });
    expect(edge.hub.requests).toHaveLength(requests);
    expect(edge.warnings).toEqual([]);
  });

  it('before anything has been applied is intact, too', async () => {
    await edge.database.pool.query('DELETE FROM rivulet.edge_sync_tables');

    expect(await edge.scrub()).toMatchObject({ status: 'intact', tables: [] });
  });

  it.each([
    ['a changed value', `UPDATE names SET label = 'mine' WHERE id = 300`, 0],
    ['a deleted row', 'DELETE FROM names WHERE id = 300', -1],
    [
      'an inserted row',
      `DELETE FROM names WHERE id = 300; INSERT INTO names VALUES (300, 'a'), (-5, 'b')`,
      1,
    ],
    ['a changed key', 'UPDATE names SET id = 10300 WHERE id = 300', 0],
  ])(
    'finds %s, names the keys, and fetches no more than the chunks in which it is',
    async (_, edit, more) => {
      const before = await mirrors();
      await edge.database.pool.query(edit);

      const { status, tables, repair } = await edge.scrub();

      const [areas, names] = tables;
      expect({ status, areas: areas!.status, names: names!.status }).toEqual({
        status: 'repaired',
        areas: 'intact',
        names: 'deviating',
      });
      const { deviations, deviationCount } = names!;
      expect(deviations).toHaveLength(deviationCount);
      const around = deviations.find(
        ({ firstKey, lastKey }) => Number(firstKey) <= 300 && Number(lastKey) >= 300,
      )!;
      expect(around.chunks).toBe(1);
      expect(around.expectedRows).toBeLessThan(200);
      expect(deviations.reduce((sum, each) => sum + each.actualRows - each.expectedRows, 0)).toBe(more);
      expect(repair).toMatchObject({ status: 'applied', trigger: 'repair', acknowledged: true });
      expect(framesFetched()).toBe(deviations.reduce((sum, { chunks }) => sum + chunks, 0));
      expect(await mirrors()).toEqual(before);
      expect(await edge.scrub()).toMatchObject({ status: 'intact' });
      expect(edge.warnings).toEqual([
        expect.stringMatching(/^The mirror names differs from what was applied, .* keys \d+ to/),
      ]);
    },
  );

  it('fetches one chunk for one changed value', async () => {
    await edge.database.pool.query(`UPDATE names SET label = label || ' ' WHERE id = 77`);

    expect(await edge.scrub()).toMatchObject({
      status: 'repaired',
      repair: { tables: [{ rowsChanged: 1 }, {}] },
    });
    expect(framesFetched()).toBe(1);
  });

  it.each([
    ['was emptied', 'TRUNCATE names', 'deviating', 'loaded'],
    ['was dropped', 'DROP TABLE names', 'missing', 'created'],
    ['has other columns', 'ALTER TABLE names ADD COLUMN note text', 'missing', 'rebuilt'],
    ['lost its key', 'ALTER TABLE names DROP CONSTRAINT names_pkey', 'missing', 'rebuilt'],
  ])('makes a mirror whole that %s', async (_, damage, status, action) => {
    const before = await mirrors();
    await edge.database.pool.query(damage);

    const result = await edge.scrub();

    expect(result).toMatchObject({
      status: 'repaired',
      tables: [{ status: 'intact' }, { name: 'names', status }],
    });
    expect(result.repair!.tables[0]).toMatchObject({ name: 'names', action });
    expect(await mirrors()).toEqual(before);
    expect(await edge.scrub()).toMatchObject({ status: 'intact' });
  });

  it.each([
    ['the checksum', `UPDATE rivulet.edge_sync_tables SET checksum = repeat('0', 64) WHERE name = 'names'`],
    [
      'a chunk',
      `UPDATE rivulet.edge_mirror_chunks SET digest = sha256('') WHERE name = 'names' AND position = 3`,
    ],
  ])('puts the state right where %s in it is not true, without fetching anything', async (_, damage) => {
    await edge.database.pool.query(damage);

    expect(await edge.scrub()).toMatchObject({ status: 'repaired', repair: { wireBytes: 0 } });
    expect(await edge.scrub()).toMatchObject({ status: 'intact' });
    expect(framesFetched()).toBe(0);
  });

  it('without repair changes nothing', async () => {
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 300; DROP TABLE areas`);
    const before = await edge.everything('names');
    const requests = edge.hub.requests.length;

    expect(await edge.scrub({ repair: false })).toMatchObject({
      status: 'deviating',
      tables: [
        { name: 'areas', status: 'missing' },
        { name: 'names', status: 'deviating', deviationCount: 1 },
      ],
    });

    expect(await edge.everything('names')).toEqual(before);
    expect(edge.hub.requests).toHaveLength(requests);
  });

  it('names a hundred ranges, and counts the others', async () => {
    const texts = Array.from({ length: 250 }, (_, index) => `${index} `.repeat(40_000));
    edge.hub.datasets = [numberedTexts('areas', texts)];
    await edge.sync();
    await edge.database.pool.query(`UPDATE areas SET label = translate(label, ' ', '-') WHERE id % 2 = 0`);

    const { tables } = await edge.scrub({ repair: false });

    expect(tables[0]!.deviationCount).toBe(125);
    expect(tables[0]!.deviations).toHaveLength(100);
  });

  it('whose repair fails says why, and the next sync repairs', async () => {
    const before = await mirrors();
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 300`);
    const unreachable = new RivuletError('CENTRAL_UNREACHABLE', 'The connection was reset.');
    jest.spyOn(edge.hub, 'request').mockRejectedValue(unreachable);

    expect(await edge.scrub()).toMatchObject({
      status: 'deviating',
      error: { code: 'CENTRAL_UNREACHABLE' },
      repair: { status: 'failed' },
    });
    jest.restoreAllMocks();

    expect(await edge.sync()).toMatchObject({ status: 'applied' });
    expect(framesFetched()).toBe(1);
    expect(await mirrors()).toEqual(before);
  });

  it('that is told to stop ends, and leaves no transaction', async () => {
    const stopping = new AbortController();
    const progress = new Proxy(initialProgress(), {
      set(target, name, value) {
        if (name === 'rowsDone')
          stopping.abort(new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.'));
        return Reflect.set(target, name, value);
      },
    });

    expect(await edge.scrub({ progress, signal: stopping.signal })).toMatchObject({
      status: 'failed',
      error: { code: 'SHUTTING_DOWN' },
    });
    expect(await edge.scrub()).toMatchObject({ status: 'intact' });
  });

  it('leaves its result in the log, which keeps five hundred', async () => {
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 300`);
    const first = await edge.scrub({ trigger: 'schedule' });
    const log = new ScrubLog(edge.source);
    expect(await log.last()).toEqual(first);

    await edge.database.pool.query(`
      INSERT INTO rivulet.edge_scrub_log (scrub_id, trigger, status, started_at, finished_at, duration_ms, tables)
      SELECT number, 'operator', 'intact', now(), now(), 1, '[]' FROM generate_series(1, 600) AS number`);
    const last = await edge.scrub();

    expect(await log.last()).toEqual(last);
    expect(await edge.select('SELECT count(*)::int AS rows FROM rivulet.edge_scrub_log')).toEqual([
      { rows: 500 },
    ]);
  });
});
