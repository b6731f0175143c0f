import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { RefusalAudit } from '../../apps/central/src/users/audit/refusal-audit';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin, basic, bearer } from '../support/clients/operator';
import { SyncSocket } from '../support/clients/sync-socket';
import { TestAgent } from '../support/clients/test-agent';

interface Entry {
  action: string;
  address: string;
  targetId: string;
  after: { code: string; refused: number; detail: string };
}

const PASSWORD = 'a sentence of some length';
const FORGED = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.canary-of-a-token';

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start({ CENTRAL_RATE_LIMIT_OPERATOR: '40' });
});
afterAll(() => central.stop());
beforeEach(() => central.get(RefusalAudit).flush());

async function entries(action: string): Promise<Entry[]> {
  await central.get(RefusalAudit).flush();
  const read = 'SELECT action, address, target_id AS "targetId", after FROM rivulet.audit_log';
  const { rows } = await central.database.pool.query<Entry>(`${read} WHERE action = $1 ORDER BY audit_id`, [
    action,
  ]);
  return rows;
}

async function times(count: number, make: () => Promise<unknown>): Promise<void> {
  for (let made = 0; made < count; made++) await make();
}

it('the first of a kind from an address has an entry at once, and the others of the minute one together', async () => {
  await times(25, () => central.call('GET', '/api/me', undefined, bearer(FORGED)));
  const found = await entries('refusal.operator-token-invalid');
  expect(found.map(({ after }) => after.refused)).toEqual([1, 24]);
  expect(found[0]).toMatchObject({ address: '127.0.0.1', targetId: 'GET /api/me' });
});

it.each([
  ['a forged token of a device', '/api/v1/config', 'refusal.access-token-invalid'],
  ['an agent token of nobody', '/config/agent', 'refusal.access-token-invalid'],
])('%s has one, which does not hold the token', async (_, path, action) => {
  await central.call('GET', path, undefined, bearer(FORGED));
  expect((await entries(action)).at(-1)?.targetId).toBe(`GET ${path}`);
  const { rows } = await central.database.pool.query(
    `SELECT 1 FROM rivulet.audit_log AS entry WHERE entry::text LIKE '%canary-of-a-token%'`,
  );
  expect(rows).toEqual([]);
});

it('a role that is not enough, a revoked device and a used refresh token have one', async () => {
  await central.call('POST', '/api/users', {
    username: 'eve',
    role: 'viewer',
    password: `${PASSWORD} first`,
  });
  const change = { currentPassword: `${PASSWORD} first`, newPassword: PASSWORD };
  await central.call('POST', '/api/me/password', change, basic('eve', `${PASSWORD} first`));
  await central.call('POST', '/api/devices', { name: 'x' }, basic('eve', PASSWORD));
  expect(await entries('refusal.role-insufficient')).toMatchObject([{ targetId: 'POST /api/devices' }]);

  const [, { deviceId }] = await central.call<{ deviceId: string }>('POST', '/api/devices', { name: 'gate' });
  const [, { token }] = await central.call<{ token: string }>('POST', `/api/devices/${deviceId}/token`);
  await central.call('POST', `/api/devices/${deviceId}/revoke`, { reason: 'lost' });
  await central.call('GET', '/api/v1/config', undefined, bearer(token));
  expect(await entries('refusal.device-revoked')).toMatchObject([
    { after: { detail: expect.stringContaining(deviceId) } },
  ]);

  const [, login] = await central.call<Record<string, string>>('POST', '/api/login', {
    username: 'eve',
    password: PASSWORD,
  });
  const refresh = { refresh_token: login['refresh_token'] };
  await times(2, () => central.call('POST', '/api/token/refresh', refresh));
  const { rows } = await central.database.pool.query(
    `SELECT after, end_reason FROM rivulet.audit_log JOIN rivulet.user_sessions ON session_id = target_id
     WHERE action = 'session.reuse'`,
  );
  expect(rows).toEqual([{ after: { userId: expect.any(String) }, end_reason: 'reused' }]);
});

it('messages without valid credentials count as calls do, and shut out nobody who has some', async () => {
  const [, { deviceId }] = await central.call<{ deviceId: string }>('POST', '/api/devices', { name: 'shed' });
  const [, { token }] = await central.call<{ token: string }>('POST', `/api/devices/${deviceId}/token`);
  const limited = await CentralInProcess.join(central, { CENTRAL_RATE_LIMIT_ADDRESS: '6' });
  const register = async (shown: string): Promise<unknown> => {
    const agent = await TestAgent.overTcp(limited.agentPort);
    const { type, data } = await agent.register(shown);
    agent.destroy();
    return data['code'] ?? type;
  };
  const authenticate = async (shown: string): Promise<unknown> => {
    const socket = await SyncSocket.open(limited, '/ws/sync');
    socket.send({ type: 'auth', token: shown });
    const { code } = await socket.next('error');
    socket.socket.terminate();
    return code;
  };
  try {
    expect(await authenticate(FORGED)).toBe('REALTIME_TOKEN_INVALID');
    expect(await register(FORGED)).toBe('ACCESS_TOKEN_INVALID');
    await times(4, () => register(FORGED));
    await times(4, () => authenticate(FORGED));
    expect([await register(FORGED), await authenticate(FORGED)]).toEqual(['RATE_LIMITED', 'RATE_LIMITED']);
    expect(await register(token)).toBe('ACK');
    await limited.get(RefusalAudit).flush();
  } finally {
    await limited.stop();
  }
  expect((await entries('refusal.realtime-token-invalid'))[0]?.targetId).toBe('client over websocket');
});

it('calls over a limit have one', async () => {
  await times(45, () => central.call('GET', '/api/me', undefined, asAdmin));
  expect((await entries('refusal.rate-limited')).length).toBeGreaterThan(0);
});

async function connectFrom(localAddress: string): Promise<Socket> {
  const socket = connect({ port: central.agentPort, host: '127.0.0.1', localAddress });
  await once(socket, 'connect');
  return socket;
}

it('connections of agents that say nothing leave room for those from elsewhere', async () => {
  const silent = await Promise.all(Array.from({ length: 200 }, () => connectFrom('127.0.6.1')));
  const [first] = (await once(await connectFrom('127.0.6.1'), 'data')) as [Buffer];
  const elsewhere = await connectFrom('127.0.6.2');
  elsewhere.write('hello\n');
  const [second] = (await once(elsewhere, 'data')) as [Buffer];
  for (const socket of [...silent, elsewhere]) socket.destroy();
  expect([codeIn(first), codeIn(second)]).toEqual(['SERVER_BUSY', 'AGENT_MESSAGE_INVALID']);
});

function codeIn(line: Buffer): string {
  return (JSON.parse(line.toString()) as { data: { code: string } }).data.code;
}

it('a flood from everywhere has no more entries than a minute may have', async () => {
  const audit = central.get(RefusalAudit);
  const action = 'refusal.assertion-replayed';
  for (let call = 0; call < 50_000; call++) {
    const address = `10.${call % 200}.${(call >> 8) % 256}.${call % 256}`;
    audit.note({ code: 'ASSERTION_REPLAYED', detail: 'Again.', address, requestId: 'r', where: 'POST /x' });
  }
  const found = await entries(action);
  expect(found.length).toBeLessThanOrEqual(401);
  expect(found.reduce((sum, { after }) => sum + after.refused, 0)).toBe(50_000);
  expect(found.at(-1)?.address).toBe('several');
});
