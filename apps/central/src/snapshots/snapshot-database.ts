import type { OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';

/** Connections to central's own database for chunks and for locks: a build holds one of these while it takes another. */
export class SnapshotDatabase implements OnApplicationShutdown {
  constructor(readonly pool: Pool) {}

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
