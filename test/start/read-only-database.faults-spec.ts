import { inProcessWith } from '../support/apps/pair-in-process';
import { SyncPair, until } from '../support/apps/sync-pair';

describe("central's own database", () => {
  let pair: SyncPair;

  beforeAll(async () => {
    pair = await SyncPair.start({ starters: inProcessWith({ retries: 0 }) });
  });
  afterAll(() => pair.stop());

  /** As when another server, which takes no writes, has taken the place of this one. */
  async function setReadOnly(isReadOnly: boolean): Promise<void> {
    const { pool, url } = pair.centralDb;
    const name = new URL(url).pathname.slice(1);
    // The pool of the test may have a session that reads only.
    await pool.query(`BEGIN READ WRITE;
      ALTER DATABASE ${name} SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'};
      COMMIT`);
    await pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
  }

  async function isReady(): Promise<boolean> {
    return (await fetch(`${pair.central.url}/health/ready`)).ok;
  }

  it('that takes no writes any more is what devices and health are told, until it does', async () => {
    await setReadOnly(true);
    await until('it is not ready', async () => !(await isReady()));
    const { status, error } = await pair.syncNow();
    expect([status, error?.code]).toEqual(['failed', 'DATABASE_UNAVAILABLE']);
    expect(error!.message).toBe('Central answered: The database takes no writes (25006).');
    expect(error!.nextStep).toContain('default_transaction_read_only');

    await setReadOnly(false);
    await until('it is ready', isReady);
    expect((await pair.syncNow()).status).toBe('applied');
  });
});
