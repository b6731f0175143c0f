import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isInstalled, startNats, startRedis, type BusServer } from '@rivulet/testing';
import { dataOf, DocumentWatch } from '../support/documents/document-watch';
import { FaultProxy } from '../support/attacks/fault-proxy';
import { configurationKills, historySeed } from '../support/histories/history-length';
import { asAdmin } from '../support/clients/operator';
import { Randomness } from '../support/histories/random-source';
import { startCentral, SyncPair, until } from '../support/apps/sync-pair';
import { WatchedWorker } from '../support/apps/watched-worker';

const LONGEST_PAUSE_MS = 1_200;
const MS_A_ROUND = 30_000;

type Part = 'edge' | 'central' | 'worker' | 'bus';

interface DeviceOf {
  status: string;
  reportedVersion: number;
  inForceVersion: number;
}

/** A device, its worker, central and a bus, each a process that is killed with SIGKILL. */
class Killable {
  /** What is applied it hears from central. */
  private readonly watch = new DocumentWatch();

  private constructor(
    readonly pair: SyncPair,
    readonly worker: WatchedWorker,
    private readonly bus: BusServer,
    private readonly proxy: FaultProxy,
    private readonly directory: string,
    private readonly options: Parameters<typeof startCentral>[1],
  ) {}

  static async start(strategy: 'REDIS' | 'NATS'): Promise<Killable> {
    const bus = await (strategy === 'REDIS' ? startRedis() : startNats());
    const worker = await WatchedWorker.start();
    const proxy = await FaultProxy.start();
    const directory = mkdtempSync(join(tmpdir(), 'rivulet-killed-'));
    const options = {
      central: { CENTRAL_CONFIGURATION_POLL_INTERVAL_MIN: '1s', CENTRAL_BUS_URL: bus.url },
      edge: {
        ...worker.environment,
        EDGE_WORKER_HEALTHY_FOR: '0',
        EDGE_CONFIGURATION_DIRECTORY: join(directory, 'configuration'),
        DISTRIBUTION_STRATEGY: strategy,
        EDGE_BUS_URL: bus.url,
      },
      centralUrl: (url: string) => proxy.inFrontOf(url),
    };
    const pair = await SyncPair.start(options);
    const system = new Killable(pair, worker, bus, proxy, directory, options);
    worker.onTaken = (document) => system.watch.look(document);
    await pair.syncNow();
    return system;
  }

  get faults(): string[] {
    return this.watch.faults;
  }

  /** A version goes out in stages. */
  async rollOut(version: number): Promise<void> {
    const body = { data: dataOf(version), pollIntervalSeconds: 1, release: version === 1 };
    await this.call('POST', '/api/configurations/default/versions', body);
    if (version === 1) return;
    const gate = { healthySeconds: 0 };
    await this.call('POST', '/api/configurations/default/rollouts', {
      stages: [{ count: 1 }, { percent: 100 }],
      gate,
    });
  }

  async kill(part: Part): Promise<void> {
    if (part === 'worker') await this.worker.kill();
    else if (part === 'bus') await this.bus.kill();
    else await this.pair[part].kill();
  }

  async restart(part: Part): Promise<void> {
    if (part === 'worker') await this.worker.restart();
    else if (part === 'bus') await this.bus.restart();
    else if (part === 'edge') this.pair.edge = await this.pair.startEdge();
    else {
      this.pair.central = await startCentral(this.pair.centralDb, this.options);
      this.proxy.inFrontOf(this.pair.central.url);
    }
  }

  /** Everybody has it, and the rollout is complete. */
  async converged(version: number): Promise<void> {
    await until(`version ${version} is everywhere`, async () => {
      const devices = await this.call<DeviceOf[]>('GET', '/api/configurations/default/devices');
      const { releasedVersion } = await this.call<{ releasedVersion: number }>(
        'GET',
        '/api/configurations/default',
      );
      const [device] = devices;
      if (device?.status === 'APPLIED') this.watch.heardApplied(device.inForceVersion);
      return (
        this.watch.applied === version &&
        releasedVersion === version &&
        (await this.worker.version()) === version
      );
    });
  }

  async stop(): Promise<void> {
    await this.pair.stop();
    await this.worker.stop();
    await this.proxy.stop();
    await this.bus.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /**
   * As a disk does that loses power: one of the two files is cut off, or has another byte. The last good version is in the
   * other one, or is what it replaces.
   */
  damage(random: Randomness): void {
    const path = join(this.directory, 'configuration', `${random.pick(['accepted', 'good'])}.json`);
    const bytes = readFileSync(path);
    const at = random.below(bytes.length);
    if (random.below(2) === 0) writeFileSync(path, bytes.subarray(0, at));
    else writeFileSync(path, bytes.fill(bytes[at]! ^ 1, at, at + 1));
  }

  private async call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.pair.central.url}${path}`, {
      method,
      headers: { ...asAdmin, ...(body && { 'content-type': 'application/json' }) },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }
}

const parts: Part[] = ['edge', 'central', 'bus', 'worker'];
/** The first rounds, and all that `npm test` plays. */
const usual: Record<'REDIS' | 'NATS', Part[]> = { REDIS: ['edge', 'central'], NATS: ['bus', 'worker'] };

/** @param kills - in all */
async function play(strategy: 'REDIS' | 'NATS', kills: number): Promise<void> {
  const random = new Randomness(historySeed + strategy.length);
  const system = await Killable.start(strategy);
  try {
    await system.rollOut(1);
    await system.converged(1);
    for (let round = 0; round < kills; round++) {
      const version = round + 2;
      const part = usual[strategy][round] ?? random.pick(parts);
      await system.rollOut(version);
      const pauseMs = random.below(LONGEST_PAUSE_MS);
      await delay(pauseMs);
      await system.kill(part);
      if (part === 'edge') system.damage(random);
      await system.restart(part);
      await system.converged(version).catch((error: Error) => {
        throw new Error(`${part} killed after ${pauseMs} ms, round ${round}: ${error.message}`);
      });
      expect(system.faults).toEqual([]);
    }
  } finally {
    await system.stop();
  }
}

const redisKills = Math.max(2, Math.ceil(configurationKills / 2));
const natsKills = configurationKills - redisKills;
const itWithRedis = isInstalled('redis-server', 'kills with Redis') ? it : it.skip;
// The first kills are those of REDIS: `npm test` has no more.
const itWithNats = natsKills > 0 && isInstalled('nats-server', 'kills with NATS') ? it : it.skip;

itWithRedis(
  'over Redis, no worker runs a torn version or one before its last good one, whatever is killed, and all converge',
  () => play('REDIS', redisKills),
  60_000 + redisKills * MS_A_ROUND,
);

itWithNats(
  'the same over NATS (only in npm run test:long -- configuration)',
  () => play('NATS', natsKills),
  60_000 + natsKills * MS_A_ROUND,
);
