import type { OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';

/** Connections to the database that central collects from. None is made before the first task. */
export class CollectionDatabase implements OnApplicationShutdown {
  constructor(readonly pool: Pool) {}

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
