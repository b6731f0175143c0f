import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openBus } from '@rivulet/bus';
import {
  createTestDatabase,
  isInstalled,
  startNats,
  startRedis,
  type StoringServer,
  type TestDatabase,
} from '@rivulet/testing';
import { AnnounceConfigurations } from '../../apps/central/src/configurations/current/announce-configurations';
import { startTarget, startWorker, type RunningWorker } from '../../apps/worker/test/worker-in-process';
import { CentralInProcess } from '../support/central-in-process';
import { registerAgent, type TestAgent } from '../support/config-agent';
import { curlCommands, type DocumentedCommand } from '../support/documented-commands';
import { startEdgeInProcess } from '../support/edge-in-process';
import type { RunningApp } from '../support/running-app';
import { ADMIN_PASSWORD, basic } from '../support/operator';
import { DEMO_MAC } from '../support/sync-pair';

const WORKER_KEY = 'a-key-of-sixteen-or-more';

interface System {
  central: CentralInProcess;
  edge: RunningApp;
  worker: RunningWorker;
  target: { url: string };
  agent: TestAgent;
  jwt: string;
}

/** What is started, ended the other way round. */
const running: (() => Promise<unknown>)[] = [];

async function startSystem(strategy: string, busUrl?: string): Promise<System> {
  const target = await startTarget((request, response) => response.end(`answer of ${request.url}`));
  running.push(() => target.stop());
  const worker = await startWorker({ WORKER_INTERNAL_KEY: WORKER_KEY, WORKER_ALLOWED_NETWORKS: 'loopback' });
  running.push(() => worker.stop());
  const bus: Record<string, string> = busUrl === undefined ? {} : { CENTRAL_BUS_URL: busUrl };
  const central = await CentralInProcess.start({
    CENTRAL_DEVICE_AUTH: 'mac',
    CENTRAL_CONFIGURATION_POLL_INTERVAL_MIN: '1s',
    ...bus,
  });
  running.push(() => central.stop());
  const database: TestDatabase = await createTestDatabase();
  running.push(() => database.drop());
  const directory = mkdtempSync(join(tmpdir(), 'rivulet-config-'));
  running.push(async () => rmSync(directory, { recursive: true }));
  const edge = await startEdgeInProcess(
    {
      EDGE_DATABASE_URL: database.url,
      EDGE_CENTRAL_URL: central.url,
      EDGE_MAC_ADDRESS: DEMO_MAC,
      EDGE_SPOOL_FILE: join(directory, 'edge.spool'),
      EDGE_FIRST_SYNC_DELAY: '0',
      EDGE_CONFIGURATION_DIRECTORY: join(directory, 'configuration'),
      EDGE_WORKER_URLS: worker.url,
      EDGE_WORKER_KEY: WORKER_KEY,
      EDGE_WORKER_HEALTHY_FOR: '0',
      DISTRIBUTION_STRATEGY: strategy,
      EDGE_LIVE: String(strategy === 'LIVE'),
      ...(busUrl !== undefined && { EDGE_BUS_URL: busUrl }),
    },
    {},
  );
  running.push(() => edge.stop());
  await untilAsked(edge);
  if (strategy === 'LIVE') await untilConnected(edge);
  const agent = await registerAgent(central);
  const [, login] = await central.call<{ token: string }>('POST', '/api/login', {
    username: 'admin',
    password: ADMIN_PASSWORD,
  });
  return { central, edge, worker, target, agent, jwt: login.token };
}

/** A command with host, port and credentials replaced, and nothing else but where its URLs point. */
async function run(system: System, command: DocumentedCommand): Promise<[number, unknown, Headers]> {
  const { central, worker, target, agent, jwt } = system;
  const { url, headers, user, method } = command;
  const base = url.port === '8082' ? worker.url : central.url;
  const authorization = { ...(user !== undefined && credentialsOf(user, agent)) };
  if (headers['authorization']?.includes('{JWT_TOKEN}') === true)
    authorization.authorization = `Bearer ${jwt}`;
  const body = command.body
    ?.replace(/https:\/\/[^"/]+/, target.url)
    .replace('admin@distributed-system.com', 'admin')
    .replace('Admin123!@#', ADMIN_PASSWORD);
  const response = await fetch(`${base}${url.pathname}${url.search}`, {
    method,
    headers: { ...headers, ...authorization },
    body: body ?? null,
  });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return [response.status, isJson ? JSON.parse(text) : text, response.headers];
}

type Answered = [route: string, status: number, body: unknown, etag: string];

async function answered(system: System, command: DocumentedCommand): Promise<Answered> {
  const [status, body, headers] = await run(system, command);
  return [`${command.method} ${command.url.pathname}`, status, body, headers.get('etag') ?? ''];
}

function credentialsOf(user: string, agent: TestAgent): { authorization: string } {
  return user.startsWith('admin:') ? basic('admin', ADMIN_PASSWORD) : basic(agent.id, agent.token);
}

/** It knows that there is no configuration yet, and would ask again in 30 seconds. */
async function untilAsked({ url }: RunningApp): Promise<void> {
  for (;;) {
    const { pollError } = (await (await fetch(`${url}/api/configuration`)).json()) as {
      pollError: { code: string } | null;
    };
    if (pollError?.code === 'CONFIGURATION_UNKNOWN') return;
    await delay(50);
  }
}

async function untilConnected({ url }: RunningApp): Promise<void> {
  for (;;) {
    const { details } = (await (await fetch(`${url}/health`)).json()) as {
      details: { live: { connected: boolean } };
    };
    if (details.live.connected) return;
    await delay(50);
  }
}

/** The worker has taken it, whatever the strategy. */
async function untilWorkerRuns({ worker }: System, version: number): Promise<void> {
  for (;;) {
    const response = await fetch(`${worker.url}/config`);
    const { version: current } = (await response.json()) as { version?: number };
    if (current === version) return;
    await delay(50);
  }
}

function updated(version: number): object {
  return { message: 'Configuration updated successfully', version };
}

function documents(strategy: string, start: (() => Promise<StoringServer>) | undefined): void {
  let system: System;
  let bus: StoringServer | undefined;

  beforeAll(async () => {
    bus = await start?.();
    if (bus !== undefined) running.push(() => bus!.stop());
    system = await startSystem(strategy, bus?.url);
  });
  afterAll(async () => {
    for (const stop of running.splice(0).toReversed()) await stop();
  });

  it('runs every command of the Distributed Config Management', async () => {
    const answers: Answered[] = [];
    let version = 0;
    for (const command of curlCommands('distributed-config-management.md')) {
      // The manual flow tests the worker before and after each change: what is first in the document has nothing to run yet.
      if (version === 0 && command.method === 'GET') continue;
      answers.push(await answered(system, command));
      if (command.method === 'POST') await untilWorkerRuns(system, ++version);
    }
    expect(answers).toMatchObject([
      ['POST /api/v1/config', 200, updated(1), ''],
      ['GET /hit', 200, 'answer of /', ''],
      ['POST /api/v1/config', 200, updated(2), ''],
      ['GET /hit', 200, 'answer of /', ''],
      ['GET /health', 200, {}, ''],
      ['GET /health', 200, {}, ''],
      [
        'GET /api/v1/config',
        200,
        { version: 2, data: { url: system.target.url }, poll_interval_seconds: 30 },
        '"2"',
      ],
    ]);
  });

  it('runs every command of the Distributed Configuration System', async () => {
    const answers: Answered[] = [];
    for (const command of curlCommands('distributed-configuration-system.md')) {
      answers.push(await answered(system, command));
      if (command.method === 'POST' && command.url.pathname === '/config/admin')
        await untilWorkerRuns(system, 3);
    }
    const config = {
      version: 3,
      config_url: `${system.target.url}/posts/1`,
      pooling_interval: 30,
      uuid: expect.any(String),
    };
    expect(answers).toMatchObject([
      ['POST /login', 200, { token: expect.any(String) }, ''],
      ['POST /config/admin', 201, config, ''],
      ['GET /health', 200, {}, ''],
      ['GET /hit', 200, 'answer of /posts/1', ''],
      ['GET /config', 200, config, ''],
    ]);
  });

  it('keeps a version key in Redis, and brings it back when Redis has lost it', async () => {
    if (bus === undefined || strategy !== 'REDIS') return;
    const client = openBus({ url: bus.url, databaseUrl: '' });
    const read = async (name: string): Promise<string | null> => {
      for (;;) {
        const value = await client.values!.read(name).catch(() => undefined);
        if (value !== undefined) return value;
        await delay(20);
      }
    };
    const mark = () => read('configuration-mark.default');
    try {
      expect(await mark()).toMatch(/^1\.\d+$/);
      await client.values!.write({ 'not-of-central': 'x' });
      await bus.restartEmpty();
      expect(await read('not-of-central')).toBeNull();
      // Central may have written it by itself by now.
      while ((await mark()) === null) await system.central.get(AnnounceConfigurations).writeMarks();
    } finally {
      await client.close();
    }
  });

  it('has applied the last version, and central has heard of it', async () => {
    for (;;) {
      const [, devices] = await system.central.call<{ status: string; reportedVersion: number }[]>(
        'GET',
        '/api/configurations/default/devices?status=APPLIED',
      );
      if (devices.some(({ reportedVersion }) => reportedVersion === 3)) break;
      await delay(50);
    }
    expect(await (await fetch(`${system.edge.url}/api/configuration`)).json()).toMatchObject({
      status: 'applied',
      version: 3,
      inForceVersion: 3,
    });
  });
}

const describeWithRedis = isInstalled('redis-server', 'strategy REDIS') ? describe : describe.skip;
const describeWithNats = isInstalled('nats-server', 'strategy NATS') ? describe : describe.skip;

describeWithRedis('with DISTRIBUTION_STRATEGY=REDIS, Rivulet', () => documents('REDIS', startRedis));
describeWithNats('with DISTRIBUTION_STRATEGY=NATS, Rivulet', () => documents('NATS', startNats));

describe('with DISTRIBUTION_STRATEGY=LIVE, Rivulet', () => {
  documents('LIVE', undefined);
});
