import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import {
  describeDatabaseFailure,
  inTransaction,
  withClient,
  type TransactionOptions,
} from '@rivulet/postgres';
import type { ClientBase, Pool } from 'pg';

/** The data owner's database: where datasets are read, and where changes of their tables are noted. */
@Injectable()
export class SourceDatabase implements OnApplicationShutdown {
  constructor(
    readonly pool: Pool,
    /** Host, port and name. */
    readonly address: string,
    /** Whether it is separate from central's own database; only then its failures have a code of their own. */
    private readonly isApart: boolean,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }

  /**
   * Runs `work`, which asks no other database.
   *
   * @throws RivuletError SOURCE_UNAVAILABLE
   */
  async ask<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.named(error);
    }
  }

  /**
   * Runs `work` in a transaction. It may ask central's own database, too: only a connection that cannot be had, or is
   * lost, is a failure of the source. After an error the transaction is rolled back, which shows whether it is.
   *
   * @throws RivuletError SOURCE_UNAVAILABLE
   */
  async inTransaction<T>(options: TransactionOptions, work: (client: ClientBase) => Promise<T>): Promise<T> {
    let isConnected = false;
    const lose = (): unknown => (isConnected = false);
    const begin = async (client: ClientBase): Promise<T> => {
      isConnected = true;
      return work(client);
    };
    try {
      return await withClient(this.pool, async (client) => {
        client.on('error', lose);
        return inTransaction(client, options, () => begin(client)).finally(() => client.off('error', lose));
      });
    } catch (error) {
      throw isConnected ? error : this.named(error);
    }
  }

  private named(error: unknown): unknown {
    const reason = this.isApart ? describeDatabaseFailure(error) : undefined;
    if (reason === undefined) return error;
    return new RivuletError('SOURCE_UNAVAILABLE', `The source database is not available (${reason}).`, {
      cause: error,
    });
  }
}
