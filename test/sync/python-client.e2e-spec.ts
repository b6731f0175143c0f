import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { RunningApp } from '../support/apps/running-app';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { FaultProxy, type Fault } from '../support/attacks/fault-proxy';
import { asAdmin } from '../support/clients/operator';
import { DEMO_MAC, startCentral } from '../support/apps/sync-pair';

const program = resolve(__dirname, '../../examples/python-client/rivulet_client.py');

function hasPython(): boolean {
  try {
    execFileSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const describeWithPython = hasPython() ? describe : describe.skip;

interface Result {
  status: 'applied' | 'current' | 'failed';
  code?: string;
  manifestId?: string;
  actions?: Record<string, string>;
}

interface State {
  tables: Record<string, { checksum: string; rows: number }>;
  thumbprint: string;
  acknowledged: boolean;
}

const datasets = `version: 1
scope: { query: "SELECT 1 AS device_id WHERE :mac_address = '${DEMO_MAC}'" }
datasets:
  - { name: readings, key: [id], query: "SELECT id, value FROM readings", guard: { maxDeleted: 33.3% } }
  - { name: texts, key: [label, flag], query: "SELECT label, flag, amount, note FROM texts" }
  - { name: amounts, key: [amount], query: "SELECT amount, note FROM amounts" }
  - { name: empty, key: [id], query: "SELECT id FROM readings WHERE id < -1000000" }
`;

const tables = `
CREATE TABLE readings (id bigint PRIMARY KEY, value text);
INSERT INTO readings SELECT n, md5(n::text) || md5((n * 7)::text) || md5((n * 11)::text) FROM generate_series(1, 6000) AS n;
CREATE TABLE texts (label text COLLATE "C", flag boolean, amount numeric, note text, PRIMARY KEY (label, flag));
INSERT INTO texts SELECT chr(n) || repeat(chr(9 + n % 5), n % 3) || n, n % 2 = 0, n / 8.0, nullif(repeat(E'a\\t\\\\\\n', n % 4), '')
FROM generate_series(1, 900) AS n;
CREATE TABLE amounts (amount numeric PRIMARY KEY, note text);
INSERT INTO amounts SELECT n / 4.0, 'note ' || n FROM generate_series(-50, 50) AS n;`;

describeWithPython('the client in Python (skipped where there is no python3 of 3.11 or newer)', () => {
  let database: TestDatabase;
  let central: RunningApp;
  let proxy: FaultProxy;
  let url: string;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rivulet-python-'));
    const datasetsFile = join(folder, 'datasets.yaml');
    writeFileSync(datasetsFile, datasets);
    database = await createTestDatabase();
    await database.pool.query(tables);
    central = await startCentral(database, {
      central: { CENTRAL_DEMO_DATA: 'false', CENTRAL_DATASETS_FILE: datasetsFile },
    });
    proxy = await FaultProxy.start();
    url = proxy.inFrontOf(central.url);
  });
  afterAll(async () => {
    await proxy.stop();
    await central.stop();
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  /** Each device is a folder; central sees but one, which knows more or less. */
  async function sync(device: string, ...more: string[]): Promise<Result> {
    const where = ['--central', url, '--mac', DEMO_MAC, '--folder', join(folder, device)];
    const args = [program, ...where, '--retry-delay', '0.01', ...more];
    const environment = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1' };
    const [code, output] = await new Promise<[number, string]>((done, failed) => {
      execFile('python3', args, { env: environment }, (error, stdout, stderr) => {
        if (stdout === '') failed(new Error(stderr));
        else done([error === null ? 0 : 1, stdout]);
      });
    });
    const result = JSON.parse(output) as Result;
    expect({ ...result, code }).toEqual({ ...result, code: result.status === 'failed' ? 1 : 0 });
    return result;
  }

  function stateOf(device: string): State {
    return JSON.parse(readFileSync(join(folder, device, 'state.json'), 'utf8')) as State;
  }

  function rowsOf(device: string, table: string): string[] {
    const { checksum } = stateOf(device).tables[table]!;
    return readFileSync(join(folder, device, `${checksum}.rows`), 'utf8')
      .split('\n')
      .slice(0, -1);
  }

  function filesOf(device: string, ending: string): string[] {
    return readdirSync(join(folder, device)).filter((file) => file.endsWith(ending));
  }

  async function expectEqual(device: string): Promise<void> {
    const { rows } = await database.pool.query<{ row: string }>(
      `SELECT id || E'\\t' || value AS row FROM readings ORDER BY id`,
    );
    expect(rowsOf(device, 'readings')).toEqual(rows.map(({ row }) => row));
    const { rows: acknowledged } = await database.pool.query<{ status: string }>(
      `SELECT status FROM rivulet.sync_manifests LEFT JOIN rivulet.sync_acknowledgements USING (manifest_id)
       ORDER BY epoch DESC, sequence DESC LIMIT 1`,
    );
    expect(acknowledged).toEqual([{ status: 'applied' }]);
    expect(stateOf(device).acknowledged).toBe(true);
    expect(filesOf(device, '.frame')).toEqual([]);
    expect(filesOf(device, '.rows')).toHaveLength(4);
  }

  function payloadRequests(): string[] {
    return proxy.requests.filter((line) => line.includes('/payload'));
  }

  function everyTime(matches: RegExp, fault: Fault): void {
    for (let attempt = 0; attempt < 5; attempt++) proxy.once(matches, fault);
  }

  it('loads all tables, proves them to central, and is then current', async () => {
    const result = await sync('first');
    expect(result).toMatchObject({
      status: 'applied',
      actions: { readings: 'load', texts: 'load', amounts: 'load', empty: 'load' },
    });
    await expectEqual('first');
    expect(rowsOf('first', 'empty')).toEqual([]);
    const { manifestId } = result;
    expect(await sync('first')).toEqual({ status: 'current', manifestId });
  });

  it('takes no patches while it has a key that it cannot sort, and keeps what is as it was', async () => {
    await database.pool.query(`UPDATE readings SET value = 'new' WHERE id = 3000`);
    expect((await sync('first')).actions).toEqual({
      readings: 'load',
      texts: 'keep',
      amounts: 'keep',
      empty: 'keep',
    });
    await expectEqual('first');
  });

  it('reports what its files have, and gets back what somebody has changed in them', async () => {
    const { checksum } = stateOf('first').tables['amounts']!;
    const file = join(folder, 'first', `${checksum}.rows`);
    const before = readFileSync(file);
    writeFileSync(file, 'somebody was here\t\n');
    expect((await sync('first')).actions).toMatchObject({ readings: 'keep', amounts: 'load' });
    expect(readFileSync(file)).toEqual(before);
  });

  it('goes on with a download that broke, also in its next run', async () => {
    const start = payloadRequests().length;
    for (const afterBytes of [90_000, 70_000, 50_000, 70_000, 20]) {
      proxy.once(/payload/, { kind: 'cut', afterBytes });
    }
    expect(await sync('resumed')).toMatchObject({ status: 'failed', code: 'CENTRAL_UNREACHABLE' });
    expect(existsSync(join(folder, 'resumed', 'state.json'))).toBe(false);
    const kept = filesOf('resumed', '.frame').length;
    expect(kept).toBeGreaterThan(0);
    expect((await sync('resumed')).status).toBe('applied');
    await expectEqual('resumed');
    const counts = payloadRequests()
      .slice(start)
      .map((line) => line.split(',').length);
    expect(counts).toHaveLength(6);
    expect(counts.at(-1)).toBe(counts[0]! - kept);
    expect(counts.toSorted((a, b) => b - a)).toEqual(counts);
  });

  it('refuses a payload with a changed byte, and keeps what it has', async () => {
    await database.pool.query(`UPDATE readings SET value = 'newer' WHERE id = 3000`);
    const before = readFileSync(join(folder, 'first', 'state.json'));
    everyTime(/payload/, { kind: 'flip', atByte: 80 });
    expect(await sync('first')).toMatchObject({ status: 'failed', code: 'FRAME_INVALID' });
    everyTime(/payload/, { kind: 'flip', atByte: 25 });
    expect(await sync('first')).toMatchObject({ status: 'failed', code: 'FRAME_INVALID' });
    expect(readFileSync(join(folder, 'first', 'state.json'))).toEqual(before);
    proxy.once(/payload/, { kind: 'flip', atByte: 80 });
    expect((await sync('first')).status).toBe('applied');
    await expectEqual('first');
  });

  it.each([
    ['header', 60],
    ['payload', 600],
  ])('refuses a manifest with a changed byte in its %s', async (_, atByte) => {
    proxy.once(/request$/, { kind: 'flip', atByte });
    expect(await sync('changed')).toMatchObject({ status: 'failed', code: 'MANIFEST_SIGNATURE_INVALID' });
    expect(filesOf('changed', 's')).toEqual([]);
  });

  it('refuses a manifest that a key signed which it does not trust', async () => {
    const { thumbprint } = stateOf('first');
    const refused = await sync(
      'trusting',
      '--trust',
      thumbprint.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
    );
    expect(refused).toMatchObject({ status: 'failed', code: 'MANIFEST_SIGNATURE_INVALID' });
    expect((await sync('trusting', '--trust', thumbprint)).status).toBe('applied');
  });

  it('sends an acknowledgement again whose answer was lost', async () => {
    everyTime(/acknowledgements/, { kind: 'lose-answer' });
    expect((await sync('silent')).status).toBe('applied');
    expect(stateOf('silent').acknowledged).toBe(false);
    expect((await sync('silent')).status).toBe('current');
    expect(stateOf('silent').acknowledged).toBe(true);
  });

  it('takes patches of keys that it can sort, whatever is in them', async () => {
    writeFileSync(join(folder, 'datasets.yaml'), datasets.replace(/ {2}- \{ name: amounts.*\n/, ''));
    await fetch(`${central.url}/api/operators/datasets/reload`, { method: 'POST', headers: asAdmin });
    const before = await sync('patched');
    expect(before.actions).toEqual({ readings: 'load', texts: 'load', empty: 'load' });
    for (let round = 1; round <= 4; round++) {
      await database.pool.query(`
        UPDATE readings SET value = value || '${round}' WHERE id % ${900 + round} = 0;
        DELETE FROM readings WHERE id % 1000 = ${round};
        INSERT INTO readings SELECT -id - ${round * 10000}, 'before' FROM generate_series(1, ${round}) AS id;
        INSERT INTO texts SELECT chr(${round} * 9) || E'\\\\' || n, n % 3 = 0, ${round}, E'\\b\\f\\v' FROM generate_series(1, 40) AS n
        ON CONFLICT DO NOTHING;
        DELETE FROM texts WHERE amount > 100 AND amount < ${round} * 2 + 100;
        UPDATE texts SET note = 'changed' WHERE amount = ${round} * 3`);
      expect((await sync('patched')).actions).toEqual({ readings: 'patch', texts: 'patch', empty: 'keep' });
    }
    expect((await sync('patched')).status).toBe('current');
  });
});
