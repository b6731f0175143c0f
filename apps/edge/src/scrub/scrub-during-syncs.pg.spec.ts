import { setTimeout as sleep } from 'node:timers/promises';
import { numberedTexts } from '@rivulet/testing';
import { longNames, setUpSyncCycles } from '../../test/sync-cycle-fixture';
import { EdgeSyncTable } from '../state/edge-sync-table.entity';

const edge = setUpSyncCycles();

beforeEach(async () => {
  edge.hub.datasets = [longNames(), numberedTexts('areas', ['Lobby', 'Roof'])];
  await edge.sync();
});

/** Cycles that change both mirrors, as long as the scrubs take. */
async function scrubDuring(change: (version: number) => void): Promise<Set<string>> {
  const statuses = new Set<string>();
  const done = new AbortController();
  const scrubbing = (async () => {
    while (!done.signal.aborted) statuses.add((await edge.scrub({ repair: false })).status);
  })();
  for (let version = 1; version <= 12; version++) {
    change(version);
    await edge.sync();
  }
  done.abort();
  await scrubbing;
  return statuses;
}

describe('a scrub while mirrors are written', () => {
  it.each(['patched', 'merged', 'loaded'])(
    'by cycles in which they are %s sees nothing but whole manifests',
    async (action) => {
      if (action === 'loaded') edge.applyMode = 'truncate';
      const statuses = await scrubDuring((version) => {
        const texts = Array.from({ length: 500 }, (_, index) => `v${version} of ${index}`);
        edge.hub.datasets = [numberedTexts('names', texts), numberedTexts('areas', texts.slice(0, 50))];
        if (action === 'merged') edge.hub.forgetBases();
      });

      expect([...statuses]).toEqual(['intact']);
      expect((await edge.state.history(1))[0]).toMatchObject({
        status: 'applied',
        tables: [{ action }, { action }],
      });
    },
  );

  it('by cycles in which they move, and are rebuilt, sees nothing but whole manifests', async () => {
    const statuses = await scrubDuring((version) => {
      const texts = Array.from({ length: 500 }, (_, index) => `v${version} of ${index}`);
      const [names, areas] = [numberedTexts('names', texts), numberedTexts('areas', texts.slice(0, 50))];
      // In turn: under each other's name, in another schema, with another key.
      if (version % 3 === 0) [names.table, areas.table] = ['areas', 'names'];
      if (version % 3 === 1) areas.schema = 'plant';
      if (version % 2 === 0) names.key = ['id', 'label'];
      edge.hub.datasets = [names, areas];
    });

    expect([...statuses]).toEqual(['intact']);
    expect(await edge.countApplied()).toBe(13);
  });

  it('does not compare what was loaded while it waited with what was recorded before', async () => {
    edge.applyMode = 'truncate';
    edge.hub.datasets[0] = numberedTexts('names', ['Ada']);
    const recordApplied = edge.state.recordApplied.bind(edge.state);
    let scrubbing: Promise<unknown> | undefined;
    jest.spyOn(edge.state, 'recordApplied').mockImplementationOnce(async (...args) => {
      await recordApplied(...args);
      scrubbing = edge.scrub({ repair: false });
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      while ((await edge.select(waiting)).length === 0) await sleep(10);
    });

    expect(await edge.sync()).toMatchObject({ status: 'applied', tables: [{ action: 'loaded' }, {}] });

    expect(await scrubbing).toMatchObject({ status: 'intact', tables: [{}, { name: 'names', rows: 1 }] });
  });

  it('gives up on a mirror that somebody else keeps locked', async () => {
    edge.applyLimits.lockTimeoutMs = 20;
    const client = await edge.database.pool.connect();
    await client.query('BEGIN; LOCK TABLE names');

    expect(await edge.scrub()).toMatchObject({ status: 'failed', error: { code: 'MIRROR_BUSY' } });

    await client.query('ROLLBACK');
    client.release();
    expect(await edge.scrub()).toMatchObject({ status: 'intact' });
  });

  it('does not record what a cycle has overtaken', async () => {
    await edge.database.pool.query(`UPDATE names SET label = 'mine' WHERE id = 300`);
    const recordFound = edge.state.recordFound.bind(edge.state);
    const outcomes: boolean[] = [];
    jest.spyOn(edge.state, 'recordFound').mockImplementationOnce(async (session, recorded, chunks) => {
      const overtaken = Object.assign(new EdgeSyncTable(), recorded, { checksum: '0'.repeat(64) });
      outcomes.push(await recordFound(session, overtaken, chunks));
      return false;
    });
    const before = await edge.everything('names');

    expect(await edge.scrub()).toMatchObject({ repair: { status: 'current' } });

    expect(outcomes).toEqual([false]);
    expect(await edge.everything('names')).toEqual(before);
  });
});
