import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyncPair, until } from '../support/apps/sync-pair';
import { asAdmin } from '../support/clients/operator';

function fileOf(...datasets: string[]): string {
  return `version: 1
scope:
  query: SELECT id AS device_id, company_id FROM devices WHERE mac_address = :mac_address
datasets:
${datasets.map((dataset) => `  - ${dataset}\n`).join('')}`;
}

const companies =
  '{ name: companies, key: [id], query: "SELECT id, name FROM companies WHERE id = :company_id" }';
const groups =
  '{ name: groups, key: [id], query: "SELECT id, name FROM groups WHERE company_id = :company_id" }';

interface Loaded {
  datasets: { name: string; watchedTables: string[] }[];
}

describe('a datasets file that is changed while central runs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-reload-'));
  const file = join(directory, 'datasets.yaml');
  let pair: SyncPair;

  beforeAll(async () => {
    writeFileSync(file, fileOf(companies));
    pair = await SyncPair.start({ central: { CENTRAL_DATASETS_FILE: file } });
  });
  afterAll(async () => {
    await pair.stop();
    rmSync(directory, { recursive: true });
  });

  async function tablesOfSync(): Promise<Record<string, string>> {
    const { status, tables } = await pair.syncNow();
    expect(['applied', 'current']).toContain(status);
    return Object.fromEntries(tables.map(({ name, action }) => [name, action]));
  }

  async function operators(path = '', init: RequestInit = {}): Promise<Response> {
    return fetch(`${pair.central.url}/api/operators/datasets${path}`, { headers: asAdmin, ...init });
  }

  it('is read again on SIGHUP, and the edge has the new dataset with its next sync', async () => {
    expect(await tablesOfSync()).toEqual({ companies: 'created' });
    writeFileSync(file, fileOf(companies, groups));
    pair.central.signal('SIGHUP');
    await until('the file is read again', () => pair.central.log.includes(': added groups'));

    expect(await tablesOfSync()).toMatchObject({ groups: 'created' });
    expect(await pair.edgeRows('SELECT id, name FROM groups ORDER BY id')).toEqual(
      await pair.centralRows(`SELECT id, name FROM groups WHERE company_id = 1 ORDER BY id`),
    );
    const { datasets } = (await (await operators()).json()) as Loaded;
    expect(datasets).toMatchObject([
      { name: 'companies', watchedTables: ['public.companies'] },
      { name: 'groups', watchedTables: ['public.groups'] },
    ]);
  });

  it('with a mistake changes nothing: the log has its line and column, and syncs go on', async () => {
    const before: unknown = await (await operators()).json();
    writeFileSync(file, fileOf(companies, groups.replace('FROM groups', 'FROM grups')));
    pair.central.signal('SIGHUP');
    await until('the mistake is told', () =>
      pair.central.log.includes('datasets.yaml:6:61: PostgreSQL rejects'),
    );

    const answer = await operators('/reload', { method: 'POST' });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({
      code: 'DATASETS_FILE_INVALID',
      errors: [{ field: `${file}:6:61`, reason: expect.stringContaining('Did you mean groups?') as string }],
    });
    expect(await (await operators()).json()).toEqual(before);
    expect(await pair.syncNow()).toMatchObject({ status: 'current' });
    await pair.centralDb.pool.query(`UPDATE groups SET name = name || '!'`);
    expect(await tablesOfSync()).toMatchObject({ groups: expect.any(String) as string });
  });

  it('is read again when an operator says so', async () => {
    writeFileSync(file, fileOf(groups));
    const anybody = await operators('/reload', { method: 'POST', headers: {} });
    expect(anybody.status).toBe(401);
    expect(await anybody.json()).toMatchObject({ code: 'OPERATOR_UNIDENTIFIED' });
    expect(await pair.syncNow()).toMatchObject({ status: 'current' });

    const reloaded = await operators('/reload', { method: 'POST' });

    expect(reloaded.status).toBe(200);
    expect(await reloaded.json()).toMatchObject({ added: [], removed: ['companies'], changed: [] });
    expect((await pair.syncNow()).tables.map(({ name }) => name)).toEqual(['groups']);
  });

  it('has not stopped central, which still ends when it is told to', async () => {
    expect(await pair.central.stop()).toBe(0);
  });
});
