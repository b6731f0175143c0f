import { generateKeyPairSync } from 'node:crypto';
import { RouteTable } from '@rivulet/platform';
import { CentralInProcess } from '../support/apps/central-in-process';
import { asAdmin, basic, bearer } from '../support/clients/operator';

type Body = Record<string, unknown>;

/** Routes of operators that change something, and leave no entry in the audit log. */
const WITHOUT_ENTRY: Record<string, string> = {
  'POST /api/sync/publish': 'A message to clients; it is in the history of its topic, by the thousand.',
  'POST /api/sync/broadcast': 'The same, to everybody.',
  'POST /api/configurations/:name/preview': 'Only says what a change would do.',
};

const PASSWORD = 'a sentence of some length';
const audited = new Set<string>();

let central: CentralInProcess;

beforeAll(async () => {
  central = await CentralInProcess.start();
});
afterAll(() => central.stop());

/** Makes a call that has to succeed, and to leave an entry under its request id. */
async function play(
  pattern: string,
  parts: string[] = [],
  body?: object,
  headers: Record<string, string> = asAdmin,
): Promise<Body> {
  const [method, path] = pattern.split(' ') as [string, string];
  const values = [...parts];
  const url = path.replaceAll(/:\w+/g, () => values.shift()!);
  const response = await fetch(`${central.url}${url}`, {
    method,
    headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  expect([pattern, response.status < 300 ? 'done' : text]).toEqual([pattern, 'done']);
  const { rows } = await central.database.pool.query(
    'SELECT action FROM rivulet.audit_log WHERE request_id = $1',
    [response.headers.get('x-request-id')],
  );
  expect([pattern, rows.length > 0]).toEqual([pattern, true]);
  audited.add(pattern);
  return (text === '' ? {} : JSON.parse(text)) as Body;
}

function idOf(made: Body, name = 'id'): string {
  return made[name] as string;
}

it('users, their sessions and their keys', async () => {
  const user = { username: 'ada', role: 'operator', password: `${PASSWORD} first` };
  const userId = idOf(await play('POST /api/users', [], user), 'userId');
  const change = { currentPassword: `${PASSWORD} first`, newPassword: PASSWORD };
  await play('POST /api/me/password', [], change, basic('ada', `${PASSWORD} first`));
  const login = async (): Promise<Body> => {
    const [, tokens] = await central.call<Body>('POST', '/api/login', {
      username: 'ada',
      password: PASSWORD,
    });
    return tokens;
  };
  const session = bearer(idOf(await login(), 'token'));
  const [, [open]] = await central.call<Body[]>('GET', '/api/me/sessions', undefined, session);
  const key = await play('POST /api/me/api-keys', [], { name: 'own' }, session);
  await play('DELETE /api/me/api-keys/:keyId', [idOf(key, 'keyId')], undefined, session);
  const other = await play('POST /api/me/api-keys', [], { name: 'other' }, session);
  await play('DELETE /api/api-keys/:keyId', [idOf(other, 'keyId')]);
  await play('DELETE /api/me/sessions/:sessionId', [idOf(open!, 'sessionId')], undefined, session);
  await play('POST /api/logout', [], undefined, bearer(idOf(await login(), 'token')));
  await login();
  await play('DELETE /api/users/:userId/sessions', [userId]);
  await play('PATCH /api/users/:userId', [userId], { role: 'viewer' });
  await play('POST /api/users/:userId/password-reset', [userId]);
  await play('DELETE /api/users/:userId', [userId]);
  expect(audited).toContain('DELETE /api/users/:userId');
});

it('devices, networks and enrolment tokens', async () => {
  const deviceId = idOf(await play('POST /api/devices', [], { name: 'gate' }), 'deviceId');
  const device = [deviceId];
  await play('PATCH /api/devices/:deviceId', device, { name: 'door' });
  await play('POST /api/devices/:deviceId/token', device);
  await play('POST /api/devices/:deviceId/resync', device);
  await play('POST /api/devices/:deviceId/revoke', device, { reason: 'lost' });
  await play('POST /api/devices/:deviceId/reinstate', device);
  await central.database.pool.query(
    "UPDATE rivulet.devices SET status = 'pending' WHERE device_id = $1",
    device,
  );
  await play('POST /api/devices/:deviceId/approve', device);
  await play('DELETE /api/devices/:deviceId', device);
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  await play('POST /api/devices/import', [], { csv: `mac,public_key,name\n48:b0:2d:e9:c3:09,${x},shed\n` });
  const network = [idOf(await play('POST /api/networks', [], { name: 'tenant-1' }))];
  await play('PUT /api/networks/:id', network, { name: 'tenant-2' });
  await play('DELETE /api/networks/:id', network);
  const token = idOf(await play('POST /api/enrolment-tokens', [], {}), 'tokenId');
  await play('DELETE /api/enrolment-tokens/:tokenId', [token]);
  expect(audited).toContain('DELETE /api/enrolment-tokens/:tokenId');
});

it('configurations and their rollouts', async () => {
  const data = { pollInterval: 30 };
  await play('PUT /api/configurations/:name', ['web'], { description: 'of the web' });
  await play('POST /api/configurations/:name/versions', ['web'], { data });
  await play('POST /api/configurations/:name/versions/:version/restore', ['web', '1'], {});
  await play('POST /api/v1/config', [], { ...data, url: 'https://a.example' });
  await play('POST /config/admin', [], { config_url: 'https://b.example' });
  await play('PUT /config/admin', [], { config_url: 'https://c.example' });
  await central.call('POST', '/api/devices', { name: 'target' });
  await central.call('POST', '/api/configurations/web/versions', {
    data: { pollInterval: 60 },
    release: false,
  });
  const rollout = [idOf(await play('POST /api/configurations/:name/rollouts', ['web'], {}), 'rolloutId')];
  await play('POST /api/rollouts/:id/pause', rollout, {});
  await play('POST /api/rollouts/:id/resume', rollout, {});
  await play('POST /api/rollouts/:id/abort', rollout, {});
  expect(audited).toContain('POST /api/rollouts/:id/abort');
});

it('schemas, jobs and runs', async () => {
  const schema = { name: 's', sql_command: 'SELECT * FROM users', target_table: 'audited', key: ['id'] };
  const id = idOf(await play('POST /api/schemas', [], schema));
  await play('PUT /api/schemas/:id', [id], { ...schema, name: 't' });
  const network = idOf((await central.call<Body>('POST', '/api/networks', { name: 'tenant-3' }))[1]);
  const job = { name: 'j', schema_id: id, network_id: network };
  const jobId = idOf(await play('POST /api/jobs', [], job));
  await play('PUT /api/jobs/:id', [jobId], { ...job, name: 'k' });
  await play('POST /api/jobs/:id/run', [jobId]);
  const [, runs] = await central.call<Body | Body[]>('GET', `/api/jobs/${jobId}/runs`);
  const [run] = (Array.isArray(runs) ? runs : (runs['runs'] as Body[])) as [Body];
  await play('POST /api/runs/:id/cancel', [idOf(run)]);
  await central.database.pool.query("UPDATE rivulet.collection_tasks SET state = 'failed'");
  await play('POST /api/runs/:id/retry', [idOf(run)]);
  await play('DELETE /api/jobs/:id', [jobId]);
  await central.database.pool.query('DELETE FROM rivulet.collection_runs');
  await play('DELETE /api/schemas/:id', [id]);
  expect(audited).toContain('DELETE /api/schemas/:id');
});

it('central itself', async () => {
  await play('POST /api/operators/datasets/reload');
  await play('POST /api/operators/realtime/reload');
  await play('POST /api/operators/signing-keys/rotate');
  await play('POST /api/operators/restore', [], {});
  await play('POST /api/operators/epoch/raise', [], {});
  expect(audited).toContain('POST /api/operators/epoch/raise');
});

it('is every route by which an operator changes something, but for those that say why not', () => {
  const changing = central
    .get(RouteTable)
    .routes.filter(({ method, rule }) => !['GET', 'HEAD'].includes(method) && isOfOperators(rule))
    .map(({ method, path }) => `${method} ${path}`);
  expect([...audited, ...Object.keys(WITHOUT_ENTRY)].toSorted()).toEqual(changing.toSorted());
});

function isOfOperators(rule: string | undefined): boolean {
  return rule === 'viewer' || rule === 'operator' || rule === 'admin';
}
