import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inProcess } from '../support/apps/pair-in-process';
import { startCentral, SyncPair, type PairOptions } from '../support/apps/sync-pair';

const SUMS = 'SELECT id, length(v) AS length, md5(v) FROM public.big ORDER BY id';

/** A text of so many megabytes, of which the first hardly compresses. */
function text(megabytes: number): string {
  return `(SELECT repeat(string_agg(encode(sha512(n::text::bytea), 'hex'), ''), ${megabytes}) FROM generate_series(1, 7813) n)`;
}

describe('rows of megabytes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-large-rows-'));
  const file = join(directory, 'datasets.yaml');
  let options: PairOptions;
  let pair: SyncPair;

  beforeAll(async () => {
    writeFileSync(
      file,
      `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address > ''" }
datasets:
  - name: big
    key: [id]
    query: SELECT * FROM big
`,
    );
    options = {
      starters: inProcess,
      central: { CENTRAL_DATASETS_FILE: file, CENTRAL_DEMO_DATA: 'false' },
      edge: { EDGE_SCRUB_SCHEDULE: 'off' },
      prepare: ({ pool }) =>
        pool.query(`CREATE TABLE public.big (id int PRIMARY KEY, v text);
          INSERT INTO big SELECT n, 'small ' || n FROM generate_series(1, 300) n;
          UPDATE big SET v = ${text(8)} || id WHERE id IN (71, 200)`),
    };
    pair = await SyncPair.start(options);
  });
  afterAll(async () => {
    await pair.stop();
    rmSync(directory, { recursive: true });
  });

  async function changeAtCentral(statement: string): Promise<void> {
    await pair.centralDb.pool.query(statement);
  }

  async function expectSameRows(): Promise<void> {
    expect(await pair.edgeRows(SUMS)).toEqual(await pair.centralRows(SUMS));
  }

  async function restartCentral(environment: Record<string, string>): Promise<void> {
    await pair.central.stop();
    const central = { ...options.central, ...environment };
    pair.central = await startCentral(pair.centralDb, { ...options, central });
    await restartEdge();
  }

  async function restartEdge(environment: Record<string, string> = {}): Promise<void> {
    await pair.edge.stop();
    pair.edge = await pair.startEdge(environment);
  }

  async function scrub(): Promise<unknown> {
    const response = await fetch(`${pair.edge.url}/api/sync/verify`, { method: 'POST' });
    return ((await response.json()) as { status: string }).status;
  }

  it('are carried as they are, change and are scrubbed', async () => {
    expect((await pair.syncNow()).status).toBe('applied');
    await expectSameRows();
    await changeAtCentral(`UPDATE big SET v = v || '!' WHERE id IN (71, 99)`);
    const { status, tables } = await pair.syncNow();
    expect([status, tables.map(({ action }) => action)]).toEqual(['applied', ['merged']]);
    await expectSameRows();
    expect(await scrub()).toBe('intact');
  });

  it('are refused by central above its limit, by name, and the old ones stay', async () => {
    const before = await pair.edgeRows(SUMS);
    await changeAtCentral(`UPDATE big SET v = ${text(20)} WHERE id = 7`);
    const { status, error } = await pair.syncNow();
    expect([status, error?.code]).toEqual(['failed', 'ROW_TOO_LARGE']);
    expect(error!.message).toMatch(
      /datasets\.yaml:\d+:\d+: dataset big has a row of more than 16MiB at \(id\) = 7\.$/,
    );
    expect(error!.nextStep).toContain('CENTRAL_MAX_ROW_BYTES');
    expect(await pair.edgeRows(SUMS)).toEqual(before);
  });

  it('are refused by an edge that takes less than central sends, and the old ones stay', async () => {
    const before = await pair.edgeRows(SUMS);
    await restartCentral({ CENTRAL_MAX_ROW_BYTES: '24MiB' });
    const { status, error } = await pair.syncNow();
    expect([status, error?.code]).toEqual(['failed', 'LIMIT_EXCEEDED']);
    expect(error!.message).toContain('for rows of up to 16777216.');
    expect(error!.nextStep).toContain('EDGE_MAX_ROW_BYTES');
    expect(await pair.edgeRows(SUMS)).toEqual(before);
  });

  it('are carried when both may be larger, and kept when the edge takes less again', async () => {
    await restartEdge({ EDGE_MAX_ROW_BYTES: '24MiB' });
    expect((await pair.syncNow()).status).toBe('applied');
    await expectSameRows();

    await restartEdge();
    expect(await scrub()).toBe('intact');
    await changeAtCentral(`UPDATE big SET v = 'other' WHERE id = 250`);
    const { status, error } = await pair.syncNow();
    expect([status, error]).toEqual(['applied', undefined]);
    await expectSameRows();
  });
});
