import type { AppProcess } from '@rivulet/app-process';
import { createTestDatabase, hasPgBouncer, PgBouncer, spawnApp, type TestDatabase } from '@rivulet/testing';
import { runDatasetsTool } from '../../apps/datasets-cli/test/run-datasets-tool';
import { DEMO_MAC, SyncPair } from '../support/apps/sync-pair';

jest.setTimeout(120_000);

const SERVER = process.env['TEST_DATABASE_URL']!;

const withPgBouncer = hasPgBouncer('transaction pooling') ? describe : describe.skip;

async function endOf(process: AppProcess): Promise<string> {
  expect(await process.exited).toBe(1);
  return process.log;
}

withPgBouncer('transaction-pooling', () => {
  let bouncer: PgBouncer;
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  afterEach(() => bouncer.stop());

  it.each(['transaction', 'statement'] as const)(
    'in %s mode is refused by both apps and the tool',
    async (mode) => {
      bouncer = await PgBouncer.start(SERVER, mode);
      const url = bouncer.through(database.url);
      const refusal =
        /TRANSACTION_POOLING|The pooler at 127\.0\.0\.1:\d+ gives each transaction another session/;
      const edge = spawnApp('edge', { EDGE_DATABASE_URL: url, EDGE_MAC_ADDRESS: DEMO_MAC });
      const central = spawnApp('central', { CENTRAL_DATABASE_URL: url, CENTRAL_DEMO_DATA: 'true' });
      for (const log of [await endOf(edge), await endOf(central)]) {
        expect(log).toMatch(refusal);
        expect(log).toContain('Set pool_mode = session in PgBouncer');
      }
      expect((await runDatasetsTool(url, ['init'])).errors).toMatch(refusal);
      const source = spawnApp('central', {
        CENTRAL_DATABASE_URL: database.url,
        CENTRAL_SOURCE_DATABASE_URL: url,
      });
      expect(await endOf(source)).toMatch(refusal);
    },
  );

  it('in session mode works, with nothing set in PgBouncer for it', async () => {
    bouncer = await PgBouncer.start(SERVER, 'session');
    const through = (url: string): string => bouncer.through(url);
    const pair = await SyncPair.start({ databaseUrls: { central: through, edge: through } });
    expect((await pair.syncNow()).status).toBe('applied');
    expect((await pair.syncNow()).status).toBe('current');
    await pair.edge.stop();
    await pair.central.stop();
    // It keeps sessions for the next client, and databases with sessions cannot be dropped.
    await bouncer.stop();
    await pair.stop();
  });
});
