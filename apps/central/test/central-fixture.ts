import { Logger } from '@nestjs/common';
import { connect } from '@rivulet/platform';
import { createPool } from '@rivulet/postgres';
import { createTemplate, createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { DeviceSyncModule } from '../src/device-sync/device-sync.module';
import { ChunkStore } from '../src/snapshots/chunk-store';
import { RetentionService } from '../src/snapshots/retention/retention.service';
import { StoreLimit } from '../src/snapshots/retention/store-limit';
import { SnapshotDatabase } from '../src/snapshots/snapshot-database';
import { SnapshotLocks } from '../src/snapshots/snapshot-locks';
import { SnapshotsEnv } from '../src/snapshots/snapshots.env';
import { SnapshotsMetrics } from '../src/snapshots/snapshots.metrics';

/** Central's database, migrated, with what reads and writes it. It is its own source as well. */
export class CentralFixture {
  readonly store: ChunkStore;
  readonly locks: SnapshotLocks;

  private constructor(
    /** For looking on, and for the rows of the source. */
    readonly database: TestDatabase,
    /** Central's own connections. */
    readonly central: DataSource,
    /** Its connections for chunks and locks. */
    readonly snapshots: SnapshotDatabase,
    readonly metrics: SnapshotsMetrics,
  ) {
    this.store = new ChunkStore(snapshots, metrics);
    this.locks = new SnapshotLocks(snapshots);
  }

  /** A new database each time, and silence in the log. `storeConnections`: how many chunks and locks may have. */
  static async create({ storeConnections = 4 } = {}): Promise<CentralFixture> {
    Logger.overrideLogger(false);
    const template = await createTemplate('central', async (url) => (await migrate(url)).destroy());
    const database = await createTestDatabase(template);
    const central = await migrate(database.url);
    const pool = createPool({
      url: database.url,
      applicationName: 'test snapshots',
      maxConnections: storeConnections,
    });
    const metrics = new SnapshotsMetrics(new Registry());
    return new CentralFixture(database, central, new SnapshotDatabase(pool), metrics);
  }

  /** A collector, with settings other than the usual ones. */
  retention(settings: Partial<SnapshotsEnv> = {}): RetentionService {
    const env = Object.assign(new SnapshotsEnv(), settings);
    return new RetentionService(env, this.central, new StoreLimit(env), this.metrics);
  }

  /** Closes all connections, and drops the database. */
  async close(): Promise<void> {
    await this.snapshots.onApplicationShutdown();
    await this.central.destroy();
    await this.database.drop();
  }
}

function migrate(url: string): Promise<DataSource> {
  return connect({
    url,
    urlVariable: 'CENTRAL_DATABASE_URL',
    applicationName: 'test',
    entities: DeviceSyncModule.entities,
    migrations: DeviceSyncModule.migrations,
  });
}
