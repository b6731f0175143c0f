import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';

/** The data owner's database: where datasets are read, and where changes of their tables are noted. */
@Injectable()
export class SourceDatabase implements OnApplicationShutdown {
  constructor(
    readonly pool: Pool,
    /** Host, port and name. */
    readonly address: string,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
