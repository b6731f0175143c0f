import { CentralInProcess } from '../support/apps/central-in-process';
import { ADMIN_PASSWORD } from '../support/clients/operator';

interface Entry {
  auditId: string;
  action: string;
  actorName: string;
  address: string;
  targetId: string;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

interface Page {
  entries: Entry[];
  cursor?: string;
}

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_DEVICE_AUTH: 'mac' });
});
afterAll(() => central.stop());

async function audit(query = ''): Promise<Page> {
  const [status, page] = await central.call<Page>('GET', `/api/audit${query}`);
  expect(status).toBe(200);
  return page;
}

async function createDevice(name: string): Promise<string> {
  const [, { deviceId }] = await central.call<{ deviceId: string }>('POST', '/api/devices', { name });
  return deviceId;
}

describe('the audit log', () => {
  it('says who changed what, from where, and how it was before', async () => {
    const deviceId = await createDevice('gate');
    await central.call('PATCH', `/api/devices/${deviceId}`, { name: 'door' });
    await central.call('POST', `/api/devices/${deviceId}/revoke`, { reason: 'stolen' });
    await central.call('DELETE', `/api/devices/${deviceId}`);

    const { entries } = await audit(`?targetId=${deviceId}`);
    expect(entries.map(({ action }) => action)).toEqual([
      'device.remove',
      'device.revoke',
      'device.change',
      'device.create',
    ]);
    expect(entries[2]).toMatchObject({
      actorName: 'admin',
      address: '127.0.0.1',
      via: 'password',
      before: { name: 'gate' },
      after: { name: 'door' },
    });
    expect(entries[0]).toMatchObject({ before: { statusReason: 'stolen' }, after: null });
  });

  it('says nothing of a change that was refused', async () => {
    const { entries } = await audit();
    expect((await central.call('PATCH', '/api/devices/01KAJ9V9RW4C7ZK3DYE7V1NB2R', { name: 'x' }))[0]).toBe(
      404,
    );
    expect((await audit()).entries[0]).toEqual(entries[0]);
  });

  it('leaves no change without its entry, and no entry without its change', async () => {
    const { pool } = central.database;
    await pool.query(
      `ALTER TABLE rivulet.audit_log ADD CONSTRAINT full_disk CHECK (action <> 'device.create') NOT VALID`,
    );
    expect((await central.call('POST', '/api/devices', { name: 'unseen' }))[0]).toBe(500);
    await pool.query('ALTER TABLE rivulet.audit_log DROP CONSTRAINT full_disk');
    const { rows } = await pool.query(`SELECT FROM rivulet.devices WHERE name = 'unseen'`);
    expect(rows).toEqual([]);
  });

  it('has logins, and failed ones without what was typed as a name', async () => {
    await central.call('POST', '/api/login', { username: 'admin', password: 'wrong' });
    await central.call('POST', '/api/login', { username: ADMIN_PASSWORD, password: 'admin' });
    await central.call('POST', '/api/login', { username: 'admin', password: ADMIN_PASSWORD });
    const { entries } = await audit('?action=login&limit=3');
    expect(entries.map(({ action, after }) => [action, after?.['username']])).toEqual([
      ['login', 'admin'],
      ['login.fail', undefined],
      ['login.fail', 'admin'],
    ]);
  });

  it('has no secret, whatever was made or changed', async () => {
    const secrets = [ADMIN_PASSWORD, 'a canary sings here'];
    const user = { username: 'canary', role: 'viewer', password: 'a canary sings here' };
    const [, { userId }] = await central.call<{ userId: string }>('POST', '/api/users', user);
    const [, reset] = await central.call<{ password: string }>('POST', `/api/users/${userId}/password-reset`);
    const [, { key }] = await central.call<{ key: string }>('POST', '/api/me/api-keys', { name: 'x' });
    const [, enrolment] = await central.call<{ token: string }>('POST', '/api/enrolment-tokens', {});
    const [, registration] = await central.call<{ token: string }>('GET', '/agent/admin');
    const login = { username: 'admin', password: ADMIN_PASSWORD };
    const [, session] = await central.call<{ token: string; refresh_token: string }>(
      'POST',
      '/api/login',
      login,
    );
    secrets.push(
      reset.password,
      key,
      enrolment.token,
      registration.token,
      session.token,
      session.refresh_token,
    );
    expect(secrets.filter((secret) => typeof secret !== 'string' || secret.length < 12)).toEqual([]);

    const { rows } = await central.database.pool.query<{ line: string }>(
      'SELECT entry::text AS line FROM rivulet.audit_log AS entry',
    );
    const all = rows.map(({ line }) => line).join('\n');
    expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
    expect(all).not.toContain('$argon2');
  });

  it('is read by page without gap or repetition, by filter, and exported whole', async () => {
    for (const name of ['a', 'b', 'c']) await createDevice(name);
    const paged: Entry[] = [];
    let cursor: string | undefined;
    do {
      const page = await audit(`?action=device&limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`);
      paged.push(...page.entries);
      cursor = page.cursor;
    } while (cursor !== undefined);
    const all = await audit('?action=device&limit=500');
    expect(paged).toEqual(all.entries);
    expect((await audit('?actor=nobody')).entries).toEqual([]);
    expect((await audit('?since=2099-01-01T00:00:00Z')).entries).toEqual([]);

    const text = await central.text('/api/audit/export?action=device');
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Entry),
    ).toEqual(all.entries);
  });

  it.each([
    'limit=0',
    'cursor=x',
    'action=DROP',
    'since=yesterday',
    'since=2026-W01-1T00:00:00Z',
    'since=2026-331T00:00Z',
    'since=2026-02-30T00:00:00Z',
    'until=2026-11-27T08:15:30,5Z',
    'until=2026-11-27T08',
    'until=20261127T081500Z',
    'colour=red',
  ])('refuses the query %s', async (query) => {
    expect(await central.call('GET', `/api/audit?${query}`)).toMatchObject([
      400,
      { code: 'REQUEST_INVALID' },
    ]);
  });

  it.each([
    `UPDATE rivulet.audit_log SET actor_name = 'nobody'`,
    'DELETE FROM rivulet.audit_log',
    'TRUNCATE rivulet.audit_log',
  ])('refuses %s, also from the owner of the table', async (statement) => {
    await expect(central.database.pool.query(statement)).rejects.toThrow('The audit log only grows');
  });
});
