import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createApp, createLogger, loadEnvironment } from '@rivulet/platform';
import { WorkerModule } from '../../apps/worker/src/worker.module';
import { TcpListener } from '../../apps/central/src/live/tcp/tcp-listener';
import { startAppInProcess, type AppInProcess } from '../support/apps/apps-in-process';
import { Canaries, findCanaries, ownRows, poolOf } from '../support/attacks/canary';
import { basic, bearer } from '../support/clients/operator';
import { realtimeToken } from '../support/clients/realtime-tokens';
import { send, type Call } from '../support/clients/send';
import { SyncSocket } from '../support/clients/sync-socket';
import { DEMO_MAC } from '../support/apps/sync-pair';
import { TestAgent } from '../support/clients/test-agent';
import { writeTemporaryFile, type TemporaryFile } from '../support/documents/written-file';

const canaries = new Canaries();

const adminPassword = canaries.make('the password of the admin');
const guessed = canaries.make('a wrong password');
const userPassword = canaries.make('the password of a user');
const newPassword = canaries.make('the new password of a user');
const realtimeSecret = canaries.make('the secret of the application');
const workerKey = canaries.make('the internal key of the worker');
const apiToken = canaries.make('the token of the edge');
const configured = canaries.make('a value that a configuration refers to');
const misplaced = canaries.make('a secret that was written into a configuration');

/** All that anybody could read: log lines and answers. */
const written: [where: string, text: string][] = [];

let central: AppInProcess;
let edge: AppInProcess;
let worker: AppInProcess['app'];
let centralUrl: string;
let topics: TemporaryFile;
let directory: string;

/** A call whose answer must show no secret. */
async function call(url: string, method = 'GET', options: Call = {}): Promise<number> {
  const response = await send(url, method, options);
  const heads = JSON.stringify([...response.headers]);
  written.push([`the answer to ${method} ${new URL(url).pathname}`, `${heads} ${await response.text()}`]);
  return response.status;
}

/** A call that is there to give somebody a secret. */
async function issue<T>(path: string, method: string, options: Call = {}): Promise<T> {
  const response = await send(`${centralUrl}${path}`, method, options);
  expect(response.status).toBeLessThan(300);
  return (await response.json()) as T;
}

const asAdmin = basic('admin', adminPassword.secret);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rivulet-canary-'));
  topics = writeTemporaryFile('realtime.yaml', 'version: 1\ntopics:\n  - { topic: open, subscribe: any }\n');
  central = await startAppInProcess(
    'central',
    {
      CENTRAL_DEVICE_AUTH: 'key',
      CENTRAL_ADMIN_PASSWORD: adminPassword.secret,
      CENTRAL_REALTIME_SECRET: realtimeSecret.secret,
      CENTRAL_REALTIME_ISSUER: 'https://shop.example',
      CENTRAL_REALTIME_AUDIENCE: 'rivulet',
      CENTRAL_REALTIME_FILE: topics.path,
    },
    (line) => written.push(["central's log", line]),
  );
  await central.app.listen(0, '127.0.0.1');
  centralUrl = await central.app.getUrl();
  const { environment } = loadEnvironment(WorkerModule.environment, {
    WORKER_INTERNAL_KEY: workerKey.secret,
    WORKER_ALLOWED_NETWORKS: 'loopback',
  });
  worker = await createApp({
    module: WorkerModule.forRoot(environment),
    logger: createLogger({
      app: 'worker',
      format: 'json',
      level: 'debug',
      destination: { write: (line: string) => written.push(["the worker's log", line]) },
    }),
    openApi: { title: 'worker', description: 'For a test.' },
  });
  await worker.listen(0, '127.0.0.1');
  process.env['CANARY_VALUE'] = configured.secret;
  const made = await issue<{ token: string }>('/api/enrolment-tokens', 'POST', {
    body: { macAddress: DEMO_MAC },
    headers: asAdmin,
  });
  edge = await startAppInProcess(
    'edge',
    {
      EDGE_DEVICE_AUTH: 'key',
      EDGE_LIVE: 'true',
      EDGE_CENTRAL_URL: centralUrl,
      EDGE_ENROLMENT_TOKEN: canaries.keep('an enrolment token', made.token),
      EDGE_IDENTITY_DIRECTORY: join(directory, 'identity'),
      EDGE_API_TOKEN: apiToken.secret,
      EDGE_WORKER_URLS: await worker.getUrl(),
      EDGE_WORKER_KEY: workerKey.secret,
      EDGE_CONFIGURATION_DIRECTORY: join(directory, 'configuration'),
      EDGE_CONFIGURATION_SECRETS: 'CANARY_VALUE',
      EDGE_WORKER_HEALTHY_FOR: '1s',
    },
    (line) => written.push(["the edge's log", line]),
  );
  await edge.app.listen(0, '127.0.0.1');
});
afterAll(async () => {
  delete process.env['CANARY_VALUE'];
  await edge?.stop();
  await worker?.close();
  await central?.stop();
  topics?.remove();
  rmSync(directory, { recursive: true });
});

function api(path: string): string {
  return `${centralUrl}${path}`;
}

async function operators(): Promise<void> {
  const login = { username: 'admin', password: adminPassword.secret };
  const session = await issue<Record<string, string>>('/api/login', 'POST', { body: login });
  const access = canaries.keep('an access token', session['token']);
  const refresh = canaries.keep('a refresh token', session['refresh_token']);
  const renewed = await issue<Record<string, string>>('/api/token/refresh', 'POST', {
    body: { refresh_token: refresh },
  });
  canaries.keep('a new refresh token', renewed['refresh_token']);
  const key = await issue<Record<string, string>>('/api/me/api-keys', 'POST', {
    body: { name: 'canary', role: 'viewer' },
    headers: asAdmin,
  });
  canaries.keep('an API key', key['key']);
  const user = { username: 'bird', role: 'viewer', password: userPassword.secret };
  expect(await call(api('/api/users'), 'POST', { body: user, headers: asAdmin })).toBe(201);
  const change = { currentPassword: userPassword.secret, newPassword: newPassword.secret };
  const asUser = basic('bird', userPassword.secret);
  expect(await call(api('/api/me/password'), 'POST', { body: change, headers: asUser })).toBeLessThan(300);

  // What goes wrong.
  for (const body of [
    { username: 'admin', password: guessed.secret },
    { username: guessed.secret, password: guessed.secret },
    { username: 'admin', password: [guessed.secret] },
    { username: 'admin', password: guessed.secret, secret: guessed.secret },
    `{"username":"admin","password":"${guessed.secret}"`,
    `{"username":"admin","password":"${guessed.secret}\u0000"}`,
    `"${guessed.secret}"`,
  ])
    expect(await call(api('/api/login'), 'POST', { body })).toBeGreaterThan(399);
  // A session that was renewed twice with one token has ended.
  expect(await call(api('/api/token/refresh'), 'POST', { body: { refresh_token: refresh } })).toBe(401);
  for (const credential of [access, refresh, key['key']!, guessed.secret]) {
    await call(api('/api/users'), 'GET', { headers: bearer(credential) });
    await call(api('/api/users'), 'GET', { headers: basic('admin', credential) });
    await call(api('/api/users'), 'GET', { headers: { authorization: credential } });
    await call(api(`/api/users?token=${credential}`), 'GET', { headers: asAdmin });
    await call(api(`/api/networks?access_token=${credential}&password=${guessed.secret}`), 'GET', {
      headers: asAdmin,
    });
    await call(api('/api/users'), 'POST', {
      headers: asAdmin,
      body: { username: 'x', role: 'admin', password: credential, token: credential },
    });
    await call(api('/api/me/api-keys'), 'POST', {
      headers: asAdmin,
      body: { name: 'canary', role: 'none', apiKey: credential },
    });
  }
}

async function devicesAndTopics(): Promise<void> {
  const { token } = await issue<{ token: string }>('/agent/admin', 'GET', { headers: asAdmin });
  canaries.keep('a registration token', token);
  const agent = await issue<{ token: string; agent_id: string }>('/agent/register', 'POST', {
    headers: bearer(token),
  });
  canaries.keep('a token of an agent', agent.token);
  expect(await call(api('/agent/register'), 'POST', { headers: bearer(token) })).toBe(401);
  for (const credential of [token, agent.token, guessed.secret]) {
    await call(api('/api/v1/config'), 'GET', { headers: basic(agent.agent_id, credential) });
    await call(api(`/api/v1/config?token=${credential}`), 'GET', { headers: bearer(credential) });
    await call(api('/api/v1/register'), 'POST', { body: { token: credential } });
    await call(api('/api/device-auth/enrol'), 'POST', { body: { token: credential, proof: credential } });
    await call(api('/api/device-auth/token'), 'POST', {
      body: { grant_type: credential, assertion: credential },
    });
  }
  const port = central.app.get(TcpListener, { strict: false }).port;
  for (const credential of [agent.token, token, guessed.secret]) {
    const connection = await TestAgent.overTcp(port, 'canary');
    connection.send({
      type: 'REGISTER',
      data: { version: '1', os: 'x', token: credential, secret: credential },
    });
    written.push(['an answer to an agent', JSON.stringify(await connection.next())]);
    connection.sendLine(`{"type":"REGISTER","token":"${credential}"`);
    connection.destroy();
  }
  const own = await realtimeToken('user1', {}, { secret: realtimeSecret.secret });
  canaries.keep('a token of the application', own);
  const forged = await realtimeToken('user1', {}, { secret: guessed.secret });
  canaries.keep('a forged token of the application', forged);
  for (const jwt of [own, forged]) {
    const socket = await SyncSocket.open({ url: centralUrl }, `/ws/sync?token=${jwt}`);
    const other = await SyncSocket.open({ url: centralUrl }, '/ws/sync');
    other.send({ type: 'auth', token: jwt, id: '1' });
    other.send(`{"type":"auth","token":"${jwt}`);
    other.send(`{"token":"${jwt}"}`);
    await other.until(() => other.of('error').length >= 2);
    written.push(['answers to sockets', JSON.stringify([socket.received, socket.refused, other.received])]);
    for (const each of [socket, other]) each.socket.terminate();
    await call(api(`/api/sync/events?topic=nowhere&token=${jwt}`));
  }
}

async function configurations(): Promise<void> {
  const path = `${centralUrl}/api/configurations/default/versions`;
  const data = { url: 'http://127.0.0.1:9/', password: '${env:CANARY_VALUE}', note: 'by reference' };
  expect(await call(path, 'POST', { body: { data }, headers: asAdmin })).toBe(201);
  const wrong = { url: 'http://127.0.0.1:9/', password: misplaced.secret, api_key: misplaced.secret };
  expect(await call(path, 'POST', { body: { data: wrong }, headers: asAdmin })).toBeGreaterThan(399);
  const edgeUrl = await edge.app.getUrl();
  expect(await call(`${edgeUrl}/api/configuration/poll`, 'POST')).toBeLessThan(300);
  const workerUrl = await worker.getUrl();
  while ((await send(`${workerUrl}/config`, 'GET', {})).status !== 200) await delay(20);
  await call(`${edgeUrl}/api/configuration`);
  await call(`${workerUrl}/config`);
  await call(`${workerUrl}/hit`);
  const body = {
    url: `http://user:${misplaced.secret}@127.0.0.1:9/?token=${misplaced.secret}`,
    secret: misplaced.secret,
  };
  await call(`${workerUrl}/config`, 'POST', { body, headers: { 'x-internal-key': guessed.secret } });
  await call(`${workerUrl}/config`, 'POST', {
    body: { ...body, secret_paths: ['/url', '/secret'] },
    headers: { 'x-internal-key': workerKey.secret },
  });
  await call(`${workerUrl}/hit`);
  await call(`${workerUrl}/config`);
}

async function syncs(): Promise<void> {
  const edgeUrl = await edge.app.getUrl();
  expect(await call(`${edgeUrl}/api/sync/now`, 'POST')).toBe(200);
  expect(await call(`${edgeUrl}/api/sync/verify`, 'POST')).toBe(200);
  await call(`${edgeUrl}/api/identity/rotate-key`, 'POST');
  await call(`${edgeUrl}/api/sync/status`, 'GET', { headers: bearer(guessed.secret) });
  await call(`${edgeUrl}/api/sync/status?token=${apiToken.secret}`, 'GET', {
    headers: bearer(apiToken.secret),
  });
  for (const name of readdirSync(join(directory, 'identity'))) {
    const content = readFileSync(join(directory, 'identity', name), 'utf8');
    const key = /-----BEGIN PRIVATE KEY-----\s+([\w+/=]+)/.exec(content)?.[1];
    // The first 20 letters are the same in every such key.
    if (key !== undefined)
      canaries.keep(`the key of the device in ${name}`, key.slice(24).replace(/=+$/, ''));
  }
}

it('no secret is found in a log, an answer, the audit log, health, metrics, or a table', async () => {
  await operators();
  await devicesAndTopics();
  await syncs();
  await configurations();
  for (const url of [centralUrl, await edge.app.getUrl(), await worker.getUrl()])
    for (const path of ['/health', '/metrics', '/api/docs-json']) await call(`${url}${path}`);
  for (const path of [
    '/api/audit',
    '/api/audit/export',
    '/api/devices',
    '/api/enrolment-tokens',
    '/api/api-keys',
    '/api/users',
  ])
    expect(await call(`${centralUrl}${path}`, 'GET', { headers: asAdmin })).toBe(200);
  await call(`${await edge.app.getUrl()}/api/sync/status`);
  await call(`${await edge.app.getUrl()}/api/sync/history`);

  for (const { app } of [central, edge]) written.push(...(await ownRows(poolOf(app))));
  expect(canaries.all.length).toBeGreaterThan(18);
  expect(written.filter(([where]) => where.endsWith('log')).length).toBeGreaterThan(60);
  expect(findCanaries(canaries.all, written)).toEqual([]);
});
