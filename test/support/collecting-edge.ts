import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPool } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Registry } from 'prom-client';
import { CollectionDatabase } from '../../apps/edge/src/collection/collection-database';
import { CollectionEnv } from '../../apps/edge/src/collection/collection.env';
import { CollectionMetrics } from '../../apps/edge/src/collection/collection.metrics';
import { CollectionService } from '../../apps/edge/src/collection/collection.service';
import { MacAuthentication } from '../../apps/edge/src/hub/call-authentication';
import { DeviceRoutes } from '../../apps/edge/src/hub/device-routes';
import type { CentralInProcess } from './central-in-process';
import { asAdmin } from './operator';

let devices = 0;

/** The part of an edge that collects, with a database of its own, which asks for tasks when the test says so. */
export class CollectingEdge {
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
    const central = new DeviceRoutes({
      centralUrl: this.centralUrl,
      authentication: new MacAuthentication(this.macAddress),
      timeoutMs: 10_000,
      trustedKey: () => undefined,
    });
    const env = Object.assign(new CollectionEnv(), this.settings);
    return new CollectionService(central, this.source, env, new CollectionMetrics(new Registry()));
  }
}
