import { FaultProxy } from '../support/attacks/fault-proxy';
import { edgeInProcess } from '../support/apps/edge-in-process';
import { startCentral, SyncPair, until } from '../support/apps/sync-pair';

describe('over a bad network, a sync', () => {
  let pair: SyncPair;
  let proxy: FaultProxy;

  beforeAll(async () => {
    proxy = await FaultProxy.start();
    pair = await SyncPair.start({
      centralUrl: (central) => proxy.inFrontOf(central),
      starters: edgeInProcess({ idleTimeoutMs: 1_000, retries: 2, minDelayMs: 50 }),
    });
  });
  afterAll(async () => {
    await pair.stop();
    await proxy.stop();
  });

  let change = 0;
  beforeEach(async () => {
    change += 1;
    await pair.centralDb.pool.query(`UPDATE users SET job_title = 'Visitor ${change}'`);
  });

  /** The fault has struck, and the change is there all the same. */
  async function outcome(): Promise<{ pendingFaults: number; titles: string[] }> {
    const titles = await pair.edgeRows('SELECT DISTINCT job_title FROM users');
    return { pendingFaults: proxy.pendingFaults, titles };
  }
  const asWished = (): { pendingFaults: number; titles: string[] } => {
    return { pendingFaults: 0, titles: [`("Visitor ${change}")`] };
  };

  it('goes on where the payload was cut', async () => {
    proxy.once(/payload/, { kind: 'cut', afterBytes: 50_000 });
    expect(await pair.syncNow()).toMatchObject({ status: 'applied', acknowledged: true });
    expect(await outcome()).toEqual(asWished());
  });

  it('notices a payload that stalls', async () => {
    proxy.once(/payload/, { kind: 'stall', afterBytes: 30_000 });
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
    expect(await outcome()).toEqual(asWished());
  });

  it('fetches a frame again in which a bit was flipped', async () => {
    proxy.once(/payload/, { kind: 'flip', atByte: 40_000 });
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
    expect(await outcome()).toEqual(asWished());
  });

  it('asks again when the answer to its request is lost', async () => {
    proxy.once(/device-sync\/request/, { kind: 'lose-answer' });
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
    expect(await outcome()).toEqual(asWished());
  });

  it('acknowledges again when the answer to that is lost, which leaves one entry', async () => {
    proxy.once(/acknowledgements/, { kind: 'lose-answer' });
    const { status, manifestId } = await pair.syncNow();
    expect(status).toBe('applied');
    const entry = await pair.centralRows(
      `SELECT status, times_received FROM rivulet.sync_acknowledgements WHERE manifest_id = '${manifestId}'`,
    );
    expect(entry).toEqual(['(applied,2)']);
  });
});

describe('without central, a sync', () => {
  let pair: SyncPair;

  beforeAll(async () => {
    pair = await SyncPair.start({ starters: edgeInProcess({ retries: 1, minDelayMs: 50 }) });
    await pair.syncNow();
  });
  afterAll(() => pair.stop());

  it('fails with the reason and keeps the data; when central is back, the next one succeeds', async () => {
    const rows = await pair.edgeRows('SELECT * FROM users ORDER BY id');
    const { url } = pair.central;
    await pair.central.kill();

    const answer = await pair.syncNow();

    expect(answer).toMatchObject({ status: 'failed', error: { code: 'CENTRAL_UNREACHABLE' } });
    expect(answer.error!.message).toContain('ECONNREFUSED');
    expect(await pair.edgeRows('SELECT * FROM users ORDER BY id')).toEqual(rows);
    const ready = await fetch(`${pair.edge.url}/health/ready`);
    expect(ready.status).toBe(200);
    expect(pair.edge.complaints.map(({ level }) => level)).not.toContain('error');

    const port = new URL(url).port;
    pair.central = await startCentral(pair.centralDb, { central: { CENTRAL_PORT: port } });
    await until('the sync is current again', async () => (await pair.syncNow()).status === 'current');
  });
});
