import { setTimeout as delay } from 'node:timers/promises';
import { openBus } from '@rivulet/bus';
import { isInstalled, startNats, startRedis, type StoringServer } from '@rivulet/testing';
import { AnnounceConfigurations } from '../../apps/central/src/configurations/current/announce-configurations';
import { Presence } from '../../apps/central/src/devices/registry/presence';
import { curlCommands, type DocumentedCommand } from '../support/documents/documented-commands';
import { differences, routesInBlocks, routesUnderHeadings } from '../support/documents/documented-routes';
import { DocumentedSystem } from '../support/documents/documented-system';

const ASKED_EACH_SECOND = 1;
const USUAL_INTERVAL = 30;

type Answered = [route: string, status: number, body: unknown, etag: string];

async function answered(system: DocumentedSystem, command: DocumentedCommand): Promise<Answered> {
  const [status, body, headers] = await system.run(command);
  return [`${command.method} ${command.url.pathname}`, status, body, headers.get('etag') ?? ''];
}

function updated(version: number): object {
  return { message: 'Configuration updated successfully', version };
}

function documents(strategy: string, start: (() => Promise<StoringServer>) | undefined): void {
  /** Only where an edge is told of nothing it must not wait for long. */
  const pollIntervalSeconds = strategy === 'POLLER' ? ASKED_EACH_SECOND : USUAL_INTERVAL;
  let system: DocumentedSystem;
  let bus: StoringServer | undefined;

  beforeAll(async () => {
    bus = await start?.();
    system = await DocumentedSystem.start({ strategy, busUrl: bus?.url, pollIntervalSeconds });
  });
  afterAll(async () => {
    await system.stop();
    await bus?.stop();
  });

  it('runs every command of the Distributed Config Management', async () => {
    const answers: Answered[] = [];
    let version = 1;
    for (const command of curlCommands('distributed-config-management.md')) {
      answers.push(await answered(system, command));
      if (command.method === 'POST') await system.untilWorkerRuns(++version);
    }
    const data = { url: system.target.url };
    expect(answers).toMatchObject([
      ['GET /hit', 200, 'answer of /', ''],
      ['POST /api/v1/config', 200, updated(2), ''],
      ['GET /hit', 200, 'answer of /', ''],
      ['POST /api/v1/config', 200, updated(3), ''],
      ['GET /hit', 200, 'answer of /', ''],
      ['GET /health', 200, {}, ''],
      ['GET /health', 200, {}, ''],
      ['GET /api/v1/config', 200, { version: 3, data, poll_interval_seconds: pollIntervalSeconds }, '"3"'],
    ]);
  });

  it('runs every command of the Distributed Configuration System', async () => {
    const answers: Answered[] = [];
    for (const command of curlCommands('distributed-configuration-system.md')) {
      answers.push(await answered(system, command));
      if (command.url.pathname === '/config/admin') await system.untilWorkerRuns(4);
    }
    const config = {
      version: 4,
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
    const client = await openBus({ url: bus.url, databaseUrl: '' });
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
      if (devices.some(({ reportedVersion }) => reportedVersion === 4)) break;
      await delay(50);
    }
    expect(await (await fetch(`${system.edge.url}/api/configuration`)).json()).toMatchObject({
      status: 'applied',
      version: 4,
      inForceVersion: 4,
    });
  });

  it('answers every route of the Distributed Config Management with the fields and headers of its examples', async () => {
    const routes = routesUnderHeadings('distributed-config-management.md');
    const statuses: string[] = [];
    const lacking: string[] = [];
    // The document's own: what the other one has put there has other fields.
    await system.publish({ data: { url: system.target.url } });
    for (const route of routes) {
      // Central writes every 15 seconds when it heard of agents.
      await system.central.get(Presence).flush();
      const [status, body, headers] = await system.run(route);
      statuses.push(`${route.text} ${status}`);
      lacking.push(...differences(route.answer, body, route.text));
      lacking.push(...route.answerHeaders.filter((name) => !headers.has(name)));
    }
    expect(lacking).toEqual([]);
    expect(statuses).toEqual([
      'POST /api/v1/register 201',
      'GET /api/v1/config 200',
      'POST /api/v1/config 200',
      'GET /api/v1/agents 200',
      'POST /config 200',
      'GET /hit 200',
    ]);
  });

  it('answers every route of the Distributed Configuration System', async () => {
    const answers: Answered[] = [];
    for (const route of routesInBlocks('distributed-configuration-system.md'))
      answers.push(await answered(system, route));
    const { url } = system.target;
    const config = { version: 7, config_url: `${url}/task`, pooling_interval: 30, uuid: expect.any(String) };
    const newConfig = { ...config, version: 8, config_url: `${url}/new-task`, pooling_interval: 60 };
    const admin = { created_at: expect.any(String) };
    expect(answers).toMatchObject([
      ['POST /login', 200, { token: expect.any(String) }, ''],
      ['POST /config/admin', 201, { ...config, ...admin }, ''],
      ['GET /config/admin', 200, { ...config, ...admin }, ''],
      ['PUT /config/admin', 200, { ...newConfig, ...admin }, ''],
      ['GET /agent/admin', 200, { token: expect.any(String) }, ''],
      ['POST /agent/register', 201, { uuid: expect.any(String), token: expect.any(String) }, ''],
      ['GET /config/version', 200, { version: 8 }, '"8"'],
      ['GET /config/agent', 200, newConfig, '"8"'],
      ['GET /hit', 200, expect.stringContaining('answer of /'), ''],
      // Of the worker, which somebody has given another one by hand above.
      ['GET /config', 200, {}, ''],
      ['GET /health', 200, {}, ''],
      ['POST /config', 200, { message: 'Configuration updated' }, ''],
    ]);
  });
}

const describeWithRedis = isInstalled('redis-server', 'strategy REDIS') ? describe : describe.skip;
const describeWithNats = isInstalled('nats-server', 'strategy NATS') ? describe : describe.skip;

describeWithRedis('with DISTRIBUTION_STRATEGY=REDIS, Rivulet', () => documents('REDIS', startRedis));
describeWithNats('with DISTRIBUTION_STRATEGY=NATS, Rivulet', () => documents('NATS', startNats));

describe.each(['LIVE', 'POLLER'])('with DISTRIBUTION_STRATEGY=%s, Rivulet', (strategy) => {
  documents(strategy, undefined);
});
