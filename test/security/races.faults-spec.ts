import { KeyedDevice } from '../../apps/central/test/keyed-device';
import { RealtimeCentral } from '../support/apps/realtime-central';
import { CentralInProcess } from '../support/apps/central-in-process';
import { SyncSocket } from '../support/clients/sync-socket';
import { TestAgent } from '../support/clients/test-agent';
import { ADMIN_PASSWORD, bearer } from '../support/clients/operator';

const rules = `
version: 1
topics:
  - { topic: updates, subscribe: any, publish: any, history: { size: 100, age: 1h } }
`;

let realtime: RealtimeCentral;
let centrals: [CentralInProcess, CentralInProcess];

beforeAll(async () => {
  realtime = await RealtimeCentral.start(rules);
  const second = await CentralInProcess.join(realtime.central, {
    CENTRAL_REALTIME_FILE: realtime.file.path,
  });
  centrals = [realtime.central, second];
});
afterAll(async () => {
  await centrals[1].stop();
  await realtime.stop();
});
afterEach(() => jest.restoreAllMocks());

/** At both centrals, in turns. */
async function manyTimes<T>(
  count: number,
  call: (central: CentralInProcess, index: number) => Promise<T>,
): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(centrals[index % 2]!, index)));
}

function counted(codes: unknown[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const code of codes) counts.set(String(code), (counts.get(String(code)) ?? 0) + 1);
  return Object.fromEntries(counts);
}

describe('a token that is valid once, redeemed 100 times at two centrals', () => {
  it('lets in one edge', async () => {
    const [, { token }] = await centrals[0].call<{ token: string }>('POST', '/api/enrolment-tokens', {});
    const devices = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        KeyedDevice.create(`48:b0:2d:77:00:${index.toString(16).padStart(2, '0')}`),
      ),
    );
    const proofs = await Promise.all(devices.map((device) => device.proof(token)));
    const answers = await manyTimes(100, (central, index) =>
      central.call('POST', '/api/device-auth/enrol', { token, proof: proofs[index] }),
    );
    expect(counted(answers.map(([status, { code }]) => code ?? status))).toEqual({
      200: 1,
      ENROLMENT_TOKEN_INVALID: 99,
    });
    // The token is for whichever device, so an operator has the last word.
    expect(answers.find(([status]) => status === 200)![1]).toMatchObject({ status: 'pending' });
  });

  it('lets in one agent', async () => {
    const [, { token }] = await centrals[0].call<{ token: string }>('GET', '/agent/admin');
    const answers = await manyTimes(100, (central) =>
      central.call('POST', '/agent/register', undefined, bearer(token)),
    );
    const codes = answers.map(([status, { code }]) => code ?? status);
    expect(counted(codes)).toEqual({ 201: 1, ENROLMENT_TOKEN_INVALID: 99 });
  });
});

it('of 1,000 guesses of a password at two centrals at most 10 are looked at, and the owner can still log in', async () => {
  const right = { username: 'admin', password: ADMIN_PASSWORD };
  const home = '127.0.2.1';
  expect(await centrals[0].callFrom(home, 'POST', '/api/login', right)).toMatchObject([200, {}]);
  const codes: unknown[] = [];
  for (let round = 0; round < 20; round++) {
    const answers = await manyTimes(50, (central, index) => {
      const guess = { username: 'admin', password: `guess ${round} ${index}` };
      return central.callFrom(`127.0.3.${1 + ((round * 50 + index) % 200)}`, 'POST', '/api/login', guess);
    });
    codes.push(...answers.map(([, { code }]) => code));
  }
  const { LOGIN_FAILED, LOGIN_THROTTLED } = counted(codes);
  expect(LOGIN_FAILED).toBeLessThanOrEqual(10);
  expect(LOGIN_FAILED! + LOGIN_THROTTLED!).toBe(1_000);
  for (const central of centrals)
    expect(await central.callFrom(home, 'POST', '/api/login', right)).toMatchObject([200, {}]);
});

describe('a device that is revoked at one central', () => {
  it('is refused at both five seconds later, also where it is connected', async () => {
    const [, { deviceId }] = await centrals[0].call<{ deviceId: string }>('POST', '/api/devices', {
      name: 'to be revoked',
      macAddress: '48:b0:2d:77:01:01',
    });
    const [, { token }] = await centrals[0].call<{ token: string }>('POST', `/api/devices/${deviceId}/token`);
    const ask = async (central: CentralInProcess): Promise<unknown> => {
      const request = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };
      const [status, { code }] = await central.call(
        'POST',
        '/api/device-sync/request',
        request,
        bearer(token),
      );
      return code ?? status;
    };
    // It is let in, and the source does not know it.
    for (const central of centrals) expect(await ask(central)).toBe('DEVICE_UNKNOWN');
    const agent = await TestAgent.overTcp(centrals[1].agentPort, 'revoked');
    expect(await agent.register(token)).toMatchObject({ type: 'ACK' });
    const socket = await SyncSocket.open(centrals[1], '/ws/sync', { headers: bearer(token) });
    await socket.until(() => socket.of('subscribe').length === 2);

    expect((await centrals[0].call('POST', `/api/devices/${deviceId}/revoke`))[0]).toBe(200);
    const real = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => real() + 5_000);
    for (const central of centrals) expect(await ask(central)).toBe('DEVICE_REVOKED');
    agent.send({ type: 'DATA', id: 'late', data: { run_id: deviceId, rows: [] } });
    expect(await agent.nextButNudges()).toMatchObject({ type: 'ERROR', data: { code: 'DEVICE_REVOKED' } });
    await agent.closed();
    expect(await socket.end()).toMatchObject({ reason: 'Your token is no longer valid.' });
  });
});

it('an operator whose session has ended is gone from topics', async () => {
  const [, { token }] = await centrals[0].call<{ token: string }>(
    'POST',
    '/api/login',
    { username: 'admin', password: ADMIN_PASSWORD },
    {},
  );
  const socket = await SyncSocket.open(centrals[1], '/ws/sync', { headers: bearer(token) });
  await socket.until(() => socket.of('subscribe').length === 2);
  await centrals[0].call('POST', '/api/logout', undefined, bearer(token));
  const real = performance.now.bind(performance);
  jest.spyOn(performance, 'now').mockImplementation(() => real() + 5_000);
  expect(await socket.end()).toMatchObject({ reason: 'Your token is no longer valid.' });
});
