import { freePort } from '@rivulet/testing';
import type { FleetSummary } from '../../apps/central/src/fleet/fleet-summary.service';
import { fleetProgram } from '../support/clients/fleet-program';
import { asAdmin } from '../support/clients/operator';
import { SyncPair, type SyncAnswer } from '../support/apps/sync-pair';

/** What the demo's datasets file gives to its device, said once more in SQL. */
const oracle: Record<string, { table: string; central: string; edge: string }> = Object.fromEntries(
  [
    ['companies', 'SELECT id, name FROM companies WHERE id = 1'],
    ['locations', 'SELECT id, company_id, name, latitude, opened_on FROM locations WHERE id = 1'],
    [
      'users',
      `SELECT id, directory_id, full_name, email, status::text AS status, last_seen_at, certifications, preferences
       FROM users WHERE status <> 'departed' AND company_id = 1 AND id IN (
         SELECT user_id FROM group_members JOIN device_groups USING (group_id) WHERE device_id = 1)`,
    ],
    ['areas', 'SELECT id, location_id, name, floor_area_m2 FROM areas WHERE location_id = 1'],
    ['devices', 'SELECT id, name, mac_address, hardware FROM public.devices WHERE id = 1'],
  ].map(([table, central]) => {
    const columns = /SELECT (.*?)\s+FROM/s.exec(central!)![1]!.replaceAll('::text AS status', '');
    return [table!, { table: table!, central: central!, edge: `SELECT ${columns} FROM ${table!}` }];
  }),
);

describe('a first sync', () => {
  let pair: SyncPair;
  let first: SyncAnswer;

  beforeAll(async () => {
    pair = await SyncPair.start();
    first = await pair.syncNow();
  });
  afterAll(() => pair.stop());

  it('is applied, verified and acknowledged', () => {
    expect(first).toMatchObject({ status: 'applied', acknowledged: true, sequence: 1 });
    expect(first.tables.map(({ name, action }) => `${name} ${action}`)).toEqual([
      'companies created',
      'locations created',
      'groups created',
      'users created',
      'group_members created',
      'areas created',
      'group_areas created',
      'devices created',
    ]);
    for (const table of first.tables) expect(table.checksum).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is in the one JSON document that npm run fleet prints for scripts, or else a sentence on standard error says why not', async () => {
    const { url } = pair.central;
    const call = async <T>(path: string, init: RequestInit = {}): Promise<T> => {
      const headers = { ...asAdmin, 'content-type': 'application/json' };
      return (await (await fetch(`${url}/api/${path}`, { ...init, headers })).json()) as T;
    };
    const { key } = await call<{ key: string }>('me/api-keys', {
      method: 'POST',
      body: '{"name": "scripts"}',
    });
    const [answered, cut, refused, away, mistaken] = await Promise.all([
      fleetProgram(url, key, ['--json', '--once', '--devices', '1']),
      fleetProgram(url, key, ['--json'], false),
      fleetProgram(url, 'of nobody', ['--json']),
      fleetProgram(`http://127.0.0.1:${await freePort()}`, key, ['--json']),
      fleetProgram(url, key, ['--json', '--devices', 'all']),
    ]);
    const { at, states, total, ...rest } = JSON.parse(answered.out) as FleetSummary;
    expect(answered).toMatchObject({ code: 0, problem: '' });
    expect(Date.now() - Date.parse(at)).toBeLessThan(60_000);
    expect([total, Object.values(states).reduce((sum, count) => sum + count)]).toEqual([1, 1]);
    expect(Object.keys(rest).toSorted()).toEqual(
      Object.keys(await call<FleetSummary>('fleet/summary'))
        .filter((name) => !['at', 'states', 'total'].includes(name))
        .toSorted(),
    );
    expect(cut).toEqual({ code: 0, out: '', problem: '' });
    expect(refused).toEqual({
      code: 1,
      out: '',
      problem: expect.stringMatching(/^Central answered: .+\. \w.+\.\n$/) as string,
    });
    expect(away).toEqual({
      code: 1,
      out: '',
      problem: expect.stringMatching(
        /^Central at http\S+ does not answer: ECONNREFUSED\. See whether it runs.+\n$/,
      ) as string,
    });
    expect(mistaken).toEqual({
      code: 2,
      out: '',
      problem: expect.stringContaining('--devices takes a number') as string,
    });
  });

  it.each(Object.keys(oracle))('brings just the rows of %s that the device may have', async (table) => {
    const { central, edge } = oracle[table]!;
    const promised = await pair.centralRows(`${central} ORDER BY 1`);
    expect(promised.length).toBeGreaterThan(0);
    expect(await pair.edgeRows(`${edge} ORDER BY 1`)).toEqual(promised);
  });

  it('leaves the rows of other companies where they are', async () => {
    expect(await pair.edgeRows('SELECT company_id FROM users WHERE company_id <> 1')).toEqual([]);
    expect(await pair.edgeRows('SELECT id FROM companies WHERE id <> 1')).toEqual([]);
    const columns = `SELECT column_name FROM information_schema.columns WHERE column_name = 'annual_salary'`;
    expect(await pair.edgeRows(columns)).toEqual([]);
  });

  it('can be told from the audit tables of both sides', async () => {
    const story = await pair.centralRows(
      `SELECT request.outcome, manifest.sequence, acknowledgement.status, acknowledgement.times_received,
              acknowledgement.cycle_id = request.request_id
       FROM rivulet.sync_requests request JOIN rivulet.sync_manifests manifest USING (manifest_id)
       JOIN rivulet.sync_acknowledgements acknowledgement USING (manifest_id)
       WHERE manifest_id = '${first.manifestId}'`,
    );
    expect(story).toEqual(['(update,1,applied,1,t)']);
    const log = await pair.edgeRows(
      'SELECT status, manifest_id, acknowledged_at IS NOT NULL FROM rivulet.edge_sync_log ORDER BY id',
    );
    expect(log).toEqual([`(applied,${first.manifestId},t)`]);
  });

  it('is followed by one that finds nothing to do', async () => {
    expect(await pair.syncNow()).toMatchObject({
      status: 'current',
      manifestId: first.manifestId,
      wireBytes: 0,
    });
  });

  it('is followed by one that brings exactly what has changed', async () => {
    await pair.centralDb.pool.query(`UPDATE users SET full_name = 'Renée O''Neill-Sørensen' WHERE id = 95`);
    const second = await pair.syncNow();
    expect(second).toMatchObject({ status: 'applied', acknowledged: true, sequence: 2 });
    expect(second.tables.filter(({ action }) => action !== 'unchanged').map(({ name }) => name)).toEqual([
      'users',
    ]);
    expect(await pair.edgeRows('SELECT full_name FROM users WHERE id = 95')).toEqual([
      `("Renée O'Neill-Sørensen")`,
    ]);
    const { central, edge } = oracle['users']!;
    expect(await pair.edgeRows(`${edge} ORDER BY 1`)).toEqual(
      await pair.centralRows(`${central} ORDER BY 1`),
    );
  });

  it('takes from the device what it may no longer have', async () => {
    const before = await pair.edgeRows('SELECT id FROM users');
    await pair.centralDb.pool.query('DELETE FROM device_groups WHERE device_id = 1 AND group_id <> 10');
    const answer = await pair.syncNow();
    expect(answer.status).toBe('applied');
    const after = await pair.edgeRows('SELECT id FROM users');
    expect(after.length).toBeGreaterThan(0);
    expect(after.length).toBeLessThan(before.length);
  });

  it('answers the status and the history of what was done', async () => {
    const status = (await (await fetch(`${pair.edge.url}/api/sync/status`)).json()) as Record<
      string,
      unknown
    >;
    expect(status).toMatchObject({
      state: 'idle',
      macAddress: '48:b0:2d:e9:c3:b7',
      lastResult: { status: 'applied' },
    });
    const history = (await (await fetch(`${pair.edge.url}/api/sync/history?limit=3`)).json()) as SyncAnswer[];
    expect(history.map(({ status: each }) => each)).toEqual(['applied', 'applied', 'current']);
  });
});
