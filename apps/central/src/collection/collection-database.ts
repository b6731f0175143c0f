import type { OnApplicationShutdown } from '@nestjs/common';
import { inTransaction, ownTables, withClient } from '@rivulet/postgres';
import type { ClientBase, Pool, PoolClient } from 'pg';

/** Statements of a transaction, on whichever connection: as of OwnTables, which the audit log takes part in. */
export interface Statements {
  rows<T extends object>(text: string, values?: unknown[]): Promise<T[]>;
}

/** Part of a statement whose commit does not wait for the disk. */
export const relaxedCommit = "SELECT set_config('synchronous_commit', 'off', true)";

export function statementsOf(client: ClientBase): Statements {
  return {
    rows: async <T extends object>(text: string, values?: unknown[]) =>
      (await client.query<T>(text, values)).rows,
  };
}

/** Connections to central's own database for what is collected: its tables, and rows by COPY in the same transactions. */
export class CollectionDatabase implements OnApplicationShutdown {
  constructor(readonly pool: Pool) {}

  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query<T>(text, values)).rows;
  }

  /** One short transaction on the operational tables. */
  async transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    return withClient(this.pool, (client) => inTransaction(client, ownTables, () => work(client)));
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
