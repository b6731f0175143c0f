import { CentralInProcess } from '../support/apps/central-in-process';

interface Registered {
  agent_id: string;
  token?: string;
}

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start();
});
afterAll(() => central.stop());

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

async function registrationToken(): Promise<string> {
  const [, made] = await central.call<{ token: string }>('GET', '/agent/admin');
  return made.token;
}

async function stored(): Promise<string> {
  const { rows } = await central.database.pool.query<{ text: string }>(
    'SELECT json_agg(t)::text AS text FROM rivulet.device_tokens t UNION ALL SELECT json_agg(t)::text FROM rivulet.enrolment_tokens t',
  );
  return rows.map(({ text }) => text).join();
}

describe('an agent of the distributed configuration system', () => {
  it('buys an id and a token with a registration token, once', async () => {
    const [status, made] = await central.call<{ token: string; expires_at: string }>('GET', '/agent/admin');
    expect(status).toBe(200);
    expect(Date.parse(made.expires_at)).toBeGreaterThan(Date.now());

    const [created, agent] = await central.call<Registered>(
      'POST',
      '/agent/register',
      undefined,
      bearer(made.token),
    );

    expect([created, agent]).toEqual([
      201,
      {
        agent_id: expect.stringMatching(/^[0-9A-Z]{26}$/),
        uuid: agent.agent_id,
        token: expect.stringMatching(/^rvt_/),
      },
    ]);
    expect(await central.call('GET', `/api/devices/${agent.agent_id}`)).toMatchObject([
      200,
      { kind: 'agent', status: 'active' },
    ]);
    expect(await central.call('POST', '/agent/register', undefined, bearer(made.token))).toMatchObject([
      401,
      { code: 'ENROLMENT_TOKEN_INVALID' },
    ]);
    expect(await stored()).not.toContain(made.token);
    expect(await stored()).not.toContain(agent.token!);
  });
});

describe('an agent of the distributed config management', () => {
  it('registers with Basic credentials, and gets the fields of its document', async () => {
    const body = { hostname: 'agent-1', metadata: 'region=us-west' };
    const credentials = basic('agent', await registrationToken());

    const [status, agent] = await central.call<Registered>('POST', '/api/v1/register', body, credentials);

    expect([status, agent]).toEqual([
      201,
      {
        agent_id: expect.stringMatching(/^[0-9A-Z]{26}$/),
        poll_url: '/api/v1/config',
        poll_interval_seconds: 30,
        token: expect.stringMatching(/^rvt_/),
      },
    ]);
    expect(await central.call('GET', `/api/devices/${agent.agent_id}`)).toMatchObject([
      200,
      { name: 'agent-1', labels: { metadata: 'region=us-west' } },
    ]);
  });

  it('is the same agent when it registers again with its own credentials, until it gets a new token', async () => {
    const [, { agent_id: id, token }] = await central.call<Registered>(
      'POST',
      '/api/v1/register',
      { hostname: 'agent-2' },
      bearer(await registrationToken()),
    );
    const again = (secret: string) => central.call('POST', '/api/v1/register', {}, basic(id, secret));
    expect(await again(token!)).toMatchObject([201, { agent_id: id }]);

    const [, renewed] = await central.call<{ token: string }>('POST', `/api/devices/${id}/token`);

    expect(await again(renewed.token)).toMatchObject([201, { agent_id: id }]);
    expect(await again(token!)).toMatchObject([401, { code: 'ENROLMENT_TOKEN_INVALID' }]);
  });
});

it.each([
  ['no credentials', {}],
  ['another scheme', { authorization: 'Digest x' }],
  ['a token that nobody made', bearer('rve_x')],
  ['a token of an agent that nobody made', bearer(`rvt_${'x'.repeat(43)}`)],
  ['Basic without a colon', { authorization: 'Basic eA==' }],
  ['Basic with a user that is no text', basic('a\0', `rvt_${'x'.repeat(43)}`)],
])('%s register nobody', async (_, headers) => {
  const [status] = await central.call('POST', '/api/v1/register', {}, headers);
  expect(status).toBe(401);
});

it('the token of an agent is no proof of an edge, which needs a MAC address', async () => {
  const [, { token }] = await central.call<Registered>(
    'POST',
    '/agent/register',
    undefined,
    bearer(await registrationToken()),
  );
  const request = { protocolVersion: 1, nonce: 'AAAAAAAAAAAAAAAAAAAAAA', tables: [] };
  expect(await central.call('POST', '/api/device-sync/request', request, bearer(token!))).toMatchObject([
    401,
    { code: 'DEVICE_UNIDENTIFIED' },
  ]);
});
