import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, spawnApp, type TestDatabase } from '@rivulet/testing';
import { startCentral } from '../support/apps/sync-pair';

/** The one line that is no log entry. */
async function failure(app: 'central' | 'edge', environment: Record<string, string>): Promise<string> {
  const process = spawnApp(app, environment);
  const code = await process.exited;
  const lines = process.log.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  if (code !== 1 || lines.length !== 1) throw new Error(`It ended with ${code} and said:\n${process.log}`);
  return lines[0]!;
}

const minimal = `
version: 1
scope: { query: SELECT 1 AS device_id WHERE :mac_address > '' }
datasets: [{ name: numbers, key: [n], query: SELECT 1 AS n }]
`;

describe('a start that cannot succeed says why in a sentence, and what to do:', () => {
  let database: TestDatabase;
  let directory: string;

  beforeAll(async () => {
    database = await createTestDatabase();
    directory = mkdtempSync(join(tmpdir(), 'rivulet-start-'));
    await database.pool.query('CREATE TABLE devices (mac text, id int)');
  });
  afterAll(async () => {
    await database.drop();
    rmSync(directory, { recursive: true });
  });

  function datasets(text: string): Record<string, string> {
    const file = join(directory, 'datasets.yaml');
    writeFileSync(file, text);
    return { CENTRAL_DATABASE_URL: database.url, CENTRAL_DATASETS_FILE: file };
  }

  it('a wrong value in the environment', async () => {
    const text = await failure('central', { CENTRAL_PORT: 'eighty', CENTRAL_LOG_LEVEL: 'loud' });
    expect(text).toMatch(/CENTRAL_PORT is "eighty" and must be .*; CENTRAL_LOG_LEVEL is "loud" and must be/);
  });

  it('no database in production', async () => {
    const text = await failure('edge', { NODE_ENV: 'production', EDGE_MAC_ADDRESS: '02:00:00:00:00:01' });
    expect(text).toContain('EDGE_DATABASE_URL is not set, and production needs a database.');
  });

  it('a MAC address that is none', async () => {
    const text = await failure('edge', { EDGE_DATABASE_URL: database.url, EDGE_MAC_ADDRESS: 'kitchen' });
    expect(text).toContain('"kitchen" is not a MAC address.');
    const { rows } = await database.pool.query("SELECT to_regnamespace('rivulet') AS schema");
    expect(rows).toEqual([{ schema: null }]);
  });

  it('a port that is taken', async () => {
    const environment = {
      ...datasets(minimal),
      CENTRAL_DEMO_DATA: 'false',
    };
    const other = await startCentral(database, { central: environment });
    try {
      const { port } = new URL(other.url);
      const text = await failure('central', { ...environment, CENTRAL_PORT: port });
      expect(text).toContain(`Port ${port} is taken by another process.`);
      expect(text).toContain('CENTRAL_PORT');
    } finally {
      await other.stop();
    }
  });

  it('a datasets file that is not there', async () => {
    const text = await failure('central', {
      CENTRAL_DATABASE_URL: database.url,
      CENTRAL_DATASETS_FILE: 'nowhere.yaml',
    });
    expect(text).toContain('nowhere.yaml');
    expect(text).toContain('CENTRAL_DATASETS_FILE');
  });

  it('a datasets file with a mistake, at its line', async () => {
    const text = await failure(
      'central',
      datasets(`version: 1
scope:
  query: SELECT id AS device_id FROM devices WHERE mac = :mac_address
datasets:
  - name: users
    key: [id]
    query: |
      SELECT id, mac
      FROM devices WHERE company = :company_id
`),
    );
    expect(text).toContain(
      'datasets.yaml:9:36: dataset users uses :company_id, which the scope query does not return',
    );
  });
});
