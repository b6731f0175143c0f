import { FaultProxy } from '../support/attacks/fault-proxy';
import { SyncPair, until } from '../support/apps/sync-pair';

const countApplied = `SELECT count(*) FROM rivulet.edge_sync_log WHERE status = 'applied'`;
const users = 'SELECT id, full_name FROM users ORDER BY id';

/** Makes every row that is written to the mirror take a while, so that a test can strike in the middle. */
async function slowDown(pair: SyncPair, table: string): Promise<void> {
  await pair.edgeDb.pool.query(`
    CREATE FUNCTION wait_a_little() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_sleep(0.01); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION wait_a_little()`);
}

async function speedUp(pair: SyncPair, table: string): Promise<void> {
  await pair.edgeDb.pool.query(`DROP TRIGGER slow ON ${table}; DROP FUNCTION wait_a_little()`);
}

/** Whether a row of the mirror is just being written. */
async function isWriting(pair: SyncPair): Promise<boolean> {
  const { rows } = await pair.edgeDb.pool.query(
    `SELECT FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'rivulet edge' AND wait_event = 'PgSleep'`,
  );
  return rows.length > 0;
}

/** Nothing of a dead process is left in the database. */
async function isClean(pair: SyncPair): Promise<boolean> {
  const { rows } = await pair.edgeDb.pool.query<{ sessions: string; locks: string }>(
    `SELECT (SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'rivulet edge') AS sessions,
            (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database =
               (SELECT oid FROM pg_database WHERE datname = current_database())) AS locks`,
  );
  return rows[0]!.sessions === '0' && rows[0]!.locks === '0';
}

describe('an edge that is killed', () => {
  let pair: SyncPair;
  let proxy: FaultProxy;

  beforeEach(async () => {
    proxy = await FaultProxy.start();
    pair = await SyncPair.start({ centralUrl: (central) => proxy.inFrontOf(central) });
    await pair.syncNow();
  });
  afterEach(async () => {
    await pair.stop();
    await proxy.stop();
  });

  it('in the middle of applying keeps the old rows, and the next cycle succeeds', async () => {
    const before = await pair.edgeRows(users);
    await pair.centralDb.pool.query(`UPDATE users SET full_name = full_name || ' II'`);
    await slowDown(pair, 'users');
    const interrupted = pair.syncNow().catch(() => 'broken');
    await until('rows are being written', () => isWriting(pair));

    await pair.edge.kill();

    expect(await interrupted).toBe('broken');
    await until('the server has noticed', () => isClean(pair));
    expect(await pair.edgeRows(users)).toEqual(before);
    await speedUp(pair, 'users');
    pair.edge = await pair.startEdge();
    expect(await pair.syncNow()).toMatchObject({ status: 'applied', acknowledged: true, wireBytes: 0 });
    expect(await pair.edgeRows(users)).toEqual(before.map((row) => row.replace(/"\)$/, ' II")')));
  });

  it('between commit and acknowledgement acknowledges later, and applies nothing twice', async () => {
    await pair.centralDb.pool.query(`UPDATE users SET full_name = 'Ada Byron' WHERE id = 95`);
    proxy.once(/acknowledgements/, { kind: 'hang' });
    const interrupted = pair.syncNow().catch(() => 'broken');
    await until('the acknowledgement is under way', () => proxy.pendingFaults === 0);
    expect(await pair.edgeRows(countApplied)).toEqual(['(2)']);

    await pair.edge.kill();

    await interrupted;
    const acknowledged = 'SELECT count(*) FROM rivulet.sync_acknowledgements';
    expect(await pair.centralRows(acknowledged)).toEqual(['(1)']);
    pair.edge = await pair.startEdge();
    expect(await pair.syncNow()).toMatchObject({ status: 'current', acknowledged: true });
    expect(await pair.centralRows(acknowledged)).toEqual(['(2)']);
    expect(await pair.edgeRows(countApplied)).toEqual(['(2)']);
  });

  it('while downloading resumes with the frames that it lacks', async () => {
    await pair.centralDb.pool.query(`UPDATE users SET full_name = full_name || ' II'`);
    proxy.once(/payload/, { kind: 'stall', afterBytes: 60_000 });
    const interrupted = pair.syncNow().catch(() => 'broken');
    await until('the payload has stalled', () => proxy.pendingFaults === 0);
    await new Promise((resolve) => setTimeout(resolve, 300));

    await pair.edge.kill();

    await interrupted;
    pair.edge = await pair.startEdge();
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
    const payloads = proxy.requests.filter((line) => line.includes('/payload'));
    const [firstRange, resumedRange] = payloads
      .slice(-2)
      .map((line) => /frames=(\d+)-(\d+)/.exec(line)!.slice(1, 3));
    expect(firstRange![0]).toBe('0');
    expect(Number(resumedRange![0])).toBeGreaterThan(0);
    expect(resumedRange![1]).toBe(firstRange![1]);
  });
});
