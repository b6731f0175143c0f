import { Logger } from '@nestjs/common';
import { connect } from '@rivulet/platform';
import { createPool } from '@rivulet/postgres';
import { createTestDatabase, type TestDatabase } from '@rivulet/testing';
import { Registry } from 'prom-client';
import type { DataSource } from 'typeorm';
import { DeviceSyncModule } from '../src/device-sync/device-sync.module';
import { ChunkStore } from '../src/snapshots/chunk-store';
import { SnapshotsMetrics } from '../src/snapshots/snapshots.metrics';

/** Central's database, migrated, with what reads and writes it. It is its own source as well. */
export class CentralFixture {
  private constructor(
    /** For looking on, and for the rows of the source. */
    readonly database: TestDatabase,
    /** Central's own connections. */
    readonly central: DataSource,
    readonly store: ChunkStore,
    readonly metrics: SnapshotsMetrics,
  ) {}

  /** A new database each time, and silence in the log. `storeConnections`: how many the chunk store may have. */
  static async create({ storeConnections = 4 } = {}): Promise<CentralFixture> {
    Logger.overrideLogger(false);
    const database = await createTestDatabase();
    const central = await connect({
      url: database.url,
      urlVariable: 'CENTRAL_DATABASE_URL',
      applicationName: 'test',
      entities: DeviceSyncModule.entities,
      migrations: DeviceSyncModule.migrations,
    });
    const pool = createPool({
      url: database.url,
      applicationName: 'test chunks',
      maxConnections: storeConnections,
    });
    const metrics = new SnapshotsMetrics(new Registry());
    return new CentralFixture(database, central, new ChunkStore(pool, metrics), metrics);
  }

  /** Closes all connections, and drops the database. */
  async close(): Promise<void> {
    await this.store.onApplicationShutdown();
    await this.central.destroy();
    await this.database.drop();
  }
}
