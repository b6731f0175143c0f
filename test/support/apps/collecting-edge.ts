import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPool } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Registry } from 'prom-client';
import { Clocks } from '../../../apps/edge/src/collection/offline/central-time';
import { CollectionDatabase } from '../../../apps/edge/src/collection/collection-database';
import { CollectionEnv } from '../../../apps/edge/src/collection/collection.env';
import { CollectionIndicator } from '../../../apps/edge/src/collection/collection.indicator';
import { CollectionMetrics } from '../../../apps/edge/src/collection/collection.metrics';
import { CollectionService } from '../../../apps/edge/src/collection/collection.service';
import { MacAuthentication } from '../../../apps/edge/src/hub/call-authentication';
import { DeviceRoutes, type DeviceRoutesSettings } from '../../../apps/edge/src/hub/device-routes';
import type { HealthCheckOutcome } from '@rivulet/platform';
import type { CentralInProcess } from './central-in-process';
import { asAdmin } from '../clients/operator';

let devices = 0;

/** The part of an edge that collects, with a database of its own, which asks for tasks when the test says so. */
export class CollectingEdge {
  private readonly clock = new MovedClock();
  private registry = new Registry();
  private service: CollectionService;

  private constructor(
    readonly networkId: string,
    readonly macAddress: string,
    readonly database: TestDatabase,
    private readonly settings: Partial<CollectionEnv>,
    private readonly source: CollectionDatabase,
    private centralUrl: string,
  ) {
    this.service = this.start();
  }

  static async join(central: CentralInProcess, settings: Partial<CollectionEnv>): Promise<CollectingEdge> {
    const macAddress = `02:00:00:00:00:${(++devices).toString(16).padStart(2, '0')}`;
    const [, device] = await central.call<{ deviceId: string }>(
      'POST',
      '/api/devices',
      { name: `edge ${devices}`, kind: 'edge', macAddress },
      asAdmin,
    );
    const database = await createTestDatabase();
    const pool = createPool({ url: database.url, applicationName: 'test edge', maxConnections: 1 });
    const spool = mkdtempSync(join(tmpdir(), 'rivulet-collected-'));
    const all = { spool, ...settings };
    return new CollectingEdge(
      device.deviceId,
      macAddress,
      database,
      all,
      new CollectionDatabase(pool),
      central.url,
    );
  }

  /** Asks central for tasks until there is none. */
  async collect(): Promise<void> {
    const { signal } = new AbortController();
    while ((await this.service.once(signal)) < 2_000);
  }

  /** Begins again with what is on disk, as after the death of the process. */
  restart(centralUrl = this.centralUrl): void {
    this.centralUrl = centralUrl;
    this.service = this.start();
  }

  /** Learns the schedule at this time, by the clock of central. */
  async learnSchedule(at: Date): Promise<void> {
    this.clock.ms = at.getTime();
    this.clock.isCentrals = true;
    await this.collect();
    this.clock.isCentrals = false;
  }

  /** Begins again where central is away, or there again. */
  async reopen(centralUrl: string): Promise<void> {
    this.restart(centralUrl);
    await this.service.open();
  }

  /** It is this time, and central does not answer. */
  async collectAway(at: Date): Promise<void> {
    this.clock.ms = at.getTime();
    const { signal } = new AbortController();
    await this.service.once(signal).then(
      () => Promise.reject(new Error('Central has answered.')),
      () => this.service.readDue(signal),
    );
  }

  /** The part of GET /health that is about collection. */
  async health(): Promise<HealthCheckOutcome> {
    return new CollectionIndicator(this.service).check();
  }

  metric(name: string): Promise<string> {
    return this.registry.getSingleMetricAsString(name);
  }

  /** The directory of collected rows. */
  get spool(): string {
    return this.settings.spool!;
  }

  async stop(): Promise<void> {
    await this.source.onApplicationShutdown();
    await this.database.drop();
    rmSync(this.settings.spool!, { recursive: true });
  }

  private start(): CollectionService {
    const central = new TimedRoutes(this.clock, {
      centralUrl: this.centralUrl,
      authentication: new MacAuthentication(this.macAddress),
      timeoutMs: 10_000,
      trustedKey: () => undefined,
      deviceId: () => this.networkId,
    });
    const env = Object.assign(new CollectionEnv(), this.settings);
    this.registry = new Registry();
    const metrics = new CollectionMetrics(this.registry);
    return new CollectionService(central, this.source, env, metrics, this.clock);
  }
}

/** Its clock is moved by the test. */
class MovedClock extends Clocks {
  ms = Date.now();
  /** Central says this time, too. */
  isCentrals = false;

  override wall = (): number => this.ms;
  override monotonic = (): number => this.ms;
}

class TimedRoutes extends DeviceRoutes {
  constructor(
    private readonly clock: MovedClock,
    settings: DeviceRoutesSettings,
  ) {
    super(settings);
  }

  override async post(...call: Parameters<DeviceRoutes['post']>): Promise<unknown> {
    const answer = await super.post(...call);
    if (!this.clock.isCentrals || call[0] !== 'collection/tasks') return answer;
    return { ...(answer as object), now: new Date(this.clock.ms).toISOString() };
  }
}
