import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase } from '@rivulet/testing';
import { startTarget, startWorker, type RunningWorker } from '../../../apps/worker/test/worker-in-process';
import { CentralInProcess } from '../apps/central-in-process';
import { registerAgent, type TestAgent } from '../clients/config-agent';
import type { DocumentedCommand } from './documented-commands';
import { startEdgeInProcess } from '../apps/edge-in-process';
import { ADMIN_PASSWORD, basic } from '../clients/operator';
import type { RunningApp } from '../apps/running-app';
import { DEMO_MAC } from '../apps/sync-pair';

const WORKER_KEY = 'a-key-of-sixteen-or-more';

export interface SystemOptions {
  strategy: string;
  busUrl?: string | undefined;
  /** Of the version that there is from the beginning. */
  pollIntervalSeconds: number;
}

export type Answer = [status: number, body: unknown, headers: Headers];

/** What the two documents about configurations describe: a controller, an agent, a worker, and what its task calls. */
export class DocumentedSystem {
  /** A registration token that was made last. */
  private registrationToken = '';

  private constructor(
    readonly central: CentralInProcess,
    readonly edge: RunningApp,
    readonly target: { url: string },
    private readonly worker: RunningWorker,
    private readonly agent: TestAgent,
    private readonly jwt: string,
    /** What is started, ended the other way round. */
    private readonly running: (() => Promise<unknown>)[],
  ) {}

  /** With version 1 of the configuration, which the worker runs. */
  static async start({ strategy, busUrl, pollIntervalSeconds }: SystemOptions): Promise<DocumentedSystem> {
    const running: (() => Promise<unknown>)[] = [];
    const target = await startTarget((request, response) => response.end(`answer of ${request.url}`));
    running.push(() => target.stop());
    const worker = await startWorker({
      WORKER_INTERNAL_KEY: WORKER_KEY,
      WORKER_ALLOWED_NETWORKS: 'loopback',
    });
    running.push(() => worker.stop());
    const central = await CentralInProcess.start({
      CENTRAL_DEVICE_AUTH: 'mac',
      CENTRAL_CONFIGURATION_POLL_INTERVAL_MIN: '1s',
      ...(busUrl !== undefined && { CENTRAL_BUS_URL: busUrl }),
    });
    running.push(() => central.stop());
    await publishTo(central, { data: { url: target.url }, pollIntervalSeconds });
    const database = await createTestDatabase();
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
    const agent = await registerAgent(central);
    const [, { token }] = await central.call<{ token: string }>('POST', '/api/login', {
      username: 'admin',
      password: ADMIN_PASSWORD,
    });
    const system = new DocumentedSystem(central, edge, target, worker, agent, token, running);
    await system.untilWorkerRuns(1);
    if (strategy === 'LIVE') await system.untilConnected();
    return system;
  }

  /** A command with host, port and credentials replaced, and nothing else but where its URLs point. */
  async run({ url, headers, user, method, body }: DocumentedCommand): Promise<Answer> {
    const { central, worker, target } = this;
    const isWorker = url.port === '8082';
    const sent = body
      ?.replace(/https:\/\/[^"/]+/, target.url)
      .replace('admin@distributed-system.com', 'admin')
      .replace('Admin123!@#', ADMIN_PASSWORD);
    const response = await fetch(`${isWorker ? worker.url : central.url}${url.pathname}${url.search}`, {
      method,
      headers: {
        ...headers,
        ...(isWorker && method === 'POST' && { 'x-internal-key': WORKER_KEY }),
        ...(user !== undefined && this.credentialsOf(user)),
        ...(headers['authorization'] && { authorization: this.filledIn(headers['authorization']) }),
      },
      body: sent ?? null,
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    const answer: unknown = isJson ? JSON.parse(text) : text;
    if (url.pathname === '/agent/admin') this.registrationToken = (answer as { token: string }).token;
    return [response.status, answer, response.headers];
  }

  async publish(body: object): Promise<void> {
    await publishTo(this.central, body);
  }

  /** The worker has taken it, whatever the strategy. */
  async untilWorkerRuns(version: number): Promise<void> {
    for (;;) {
      const response = await fetch(`${this.worker.url}/config`);
      const { version: current } = (await response.json()) as { version?: number };
      if (current === version) return;
      await delay(50);
    }
  }

  async stop(): Promise<void> {
    for (const stop of this.running.splice(0).toReversed()) await stop();
  }

  private credentialsOf(user: string): { authorization: string } {
    const { id, token } = this.agent;
    return user.startsWith('admin:') ? basic('admin', ADMIN_PASSWORD) : basic(id, token);
  }

  private filledIn(authorization: string): string {
    return authorization
      .replace('{JWT_TOKEN}', this.jwt)
      .replace('{REGISTRATION_TOKEN}', this.registrationToken)
      .replace('{AGENT_TOKEN}', this.agent.token);
  }

  private async untilConnected(): Promise<void> {
    for (;;) {
      const { details } = (await (await fetch(`${this.edge.url}/health`)).json()) as {
        details: { live: { connected: boolean } };
      };
      if (details.live.connected) return;
      await delay(50);
    }
  }
}

async function publishTo(central: CentralInProcess, body: object): Promise<void> {
  const [status] = await central.call('POST', '/api/configurations/default/versions', body);
  if (status !== 201) throw new Error(`No version was added: ${status}`);
}
