import { inProcess } from '../support/apps/pair-in-process';
import { SyncPair, until, type SyncAnswer } from '../support/apps/sync-pair';

describe('however many ask for a sync', () => {
  let pair: SyncPair;

  beforeAll(async () => {
    pair = await SyncPair.start({ starters: inProcess });
    await pair.syncNow();
    await pair.edgeDb.pool.query(`
      CREATE FUNCTION wait_a_little() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON groups FOR EACH ROW EXECUTE FUNCTION wait_a_little()`);
  });
  afterAll(() => pair.stop());

  async function isSyncing(): Promise<boolean> {
    const status = (await (await fetch(`${pair.edge.url}/api/sync/status`)).json()) as { state: string };
    return status.state === 'syncing';
  }

  it('calls during a cycle join it, and get its result', async () => {
    await pair.centralDb.pool.query(`UPDATE groups SET name = name || ' B'`);
    const answers = await Promise.all(Array.from({ length: 8 }, () => pair.syncNow()));
    expect(new Set(answers.map(({ cycleId }) => cycleId)).size).toBe(1);
    expect(answers[0]!.status).toBe('applied');
  });

  it('a second process on the same database is refused while the first is at it', async () => {
    await pair.centralDb.pool.query(`UPDATE groups SET name = name || ' C'`);
    const second = await pair.startEdge({ EDGE_SPOOL_FILE: '/dev/null/none' }).catch(() => undefined);
    expect(second).toBeUndefined();
    const other = await pair.startEdge({
      EDGE_SPOOL_FILE: `${process.env['TMPDIR'] ?? '/tmp'}/second-${process.pid}.spool`,
    });
    try {
      const first = pair.syncNow();
      await until('the first is syncing', isSyncing);

      const refusal = await fetch(`${other.url}/api/sync/now`, { method: 'POST' });

      expect(refusal.status).toBe(409);
      expect(refusal.headers.get('content-type')).toContain('application/problem+json');
      expect(await refusal.json()).toMatchObject({ code: 'SYNC_IN_PROGRESS' });
      expect(await first).toMatchObject({ status: 'applied' });
      expect(await pair.syncNow(other)).toMatchObject({ status: 'current' });
    } finally {
      await other.stop();
    }
  });

  it('a stop during a cycle rolls it back and exits cleanly', async () => {
    const before = await pair.edgeRows('SELECT * FROM groups ORDER BY id');
    await pair.centralDb.pool.query(`UPDATE groups SET name = name || ' D'`);
    const interrupted = pair.syncNow().catch(() => undefined);
    await until('it is syncing', isSyncing);

    expect(await pair.edge.stop()).toBe(0);

    const answer: SyncAnswer | undefined = await interrupted;
    if (answer?.status === 'applied') throw new Error('The cycle was not interrupted');
    expect(await pair.edgeRows('SELECT * FROM groups ORDER BY id')).toEqual(before);
    pair.edge = await pair.startEdge();
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
  });
});
