import { Client } from 'pg';
import { SyncPair } from '../support/apps/sync-pair';

/** With a health check's answer, as far as it is looked at. */
interface Health {
  status: number;
  body: { error: Record<string, unknown> };
}

async function ready(url: string): Promise<Health> {
  const response = await fetch(`${url}/health/ready`);
  return { status: response.status, body: (await response.json()) as Health['body'] };
}

async function recreate(databaseUrl: string): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1);
  const admin = new Client({ connectionString: process.env['TEST_DATABASE_URL'] });
  await admin.connect();
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
  await admin.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  await admin.end();
}

describe('when its tables are gone from under a running app (edge-database-recreated)', () => {
  let pair: SyncPair;

  beforeAll(async () => {
    pair = await SyncPair.start();
    await pair.syncNow();
  });
  afterAll(() => pair.stop());

  const users = (): Promise<string[]> => pair.edgeRows('SELECT * FROM users ORDER BY id');

  it('an edge makes a dropped schema again, and compares the mirrors that are still there', async () => {
    const before = await users();
    await pair.edgeDb.pool.query('DROP SCHEMA rivulet CASCADE');
    expect((await ready(pair.edge.url)).status).toBe(503);

    const { status, tables } = await pair.syncNow();

    expect(status).toBe('applied');
    expect(new Set(tables.map(({ action }) => action))).toEqual(new Set(['merged']));
    expect(await users()).toEqual(before);
    expect((await ready(pair.edge.url)).status).toBe(200);
    expect(pair.edge.complaints.map(({ msg }) => msg)).toContainEqual(
      expect.stringMatching(
        /^The database at .* had lost the tables of Rivulet\. Applied migrations again: /,
      ),
    );
  });

  it('an edge fills a database that was created again', async () => {
    const before = await users();
    await recreate(pair.edgeDb.url);

    expect(await pair.syncNow()).toMatchObject({ status: 'applied', acknowledged: true });

    expect(await users()).toEqual(before);
    expect(await pair.syncNow()).toMatchObject({ status: 'current' });
  });

  it.each(['edge_sync_log', 'edge_sync_state', 'edge_mirror_chunks', 'migrations'])(
    'an edge that has lost rivulet.%s alone says so, and what to do, which works',
    async (table) => {
      await pair.edgeDb.pool.query(`DROP TABLE rivulet.${table}`);

      const answer = await fetch(`${pair.edge.url}/api/sync/now`, { method: 'POST' });

      const { code, error } = (await answer.json()) as { code?: string; error?: { code: string } };
      expect(code ?? error?.code).toBe('DATABASE_TABLES_MISSING');
      expect([200, 503]).toContain(answer.status);
      await pair.edgeDb.pool.query('DROP SCHEMA rivulet CASCADE');
      expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
    },
  );

  it('an edge without its log says so in its other answers, too', async () => {
    await pair.edgeDb.pool.query('DROP TABLE rivulet.edge_sync_log, rivulet.edge_scrub_log');

    for (const path of ['status', 'history']) {
      const answer = await fetch(`${pair.edge.url}/api/sync/${path}`);
      expect(answer.status).toBe(503);
      expect(await answer.json()).toMatchObject({ code: 'DATABASE_TABLES_MISSING' });
    }
    expect(await ready(pair.edge.url)).toMatchObject({
      status: 503,
      body: { error: { migrations: { missingTables: ['rivulet.edge_scrub_log', 'rivulet.edge_sync_log'] } } },
    });
    await pair.edgeDb.pool.query('DROP SCHEMA rivulet CASCADE');
    expect(await pair.syncNow()).toMatchObject({ status: 'applied' });
  });

  it('central holds, and does not count from the beginning in the same epoch', async () => {
    const before = await users();
    await pair.centralDb.pool.query('DROP SCHEMA rivulet CASCADE');

    expect(await pair.syncNow()).toMatchObject({
      status: 'failed',
      error: { code: 'DATABASE_TABLES_MISSING', nextStep: expect.stringContaining('backup') as string },
    });

    expect((await ready(pair.central.url)).status).toBe(503);
    expect(await pair.centralRows(`SELECT to_regclass('rivulet.central_state') IS NULL`)).toEqual(['(t)']);
    expect(await users()).toEqual(before);
  });
});
