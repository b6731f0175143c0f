import { createPool } from '@rivulet/postgres';
import type { Pool, PoolClient } from 'pg';
import type { Randomness } from './random-source';

export interface LateWritersOptions {
  url: string;
  /** Transactions that are open at once. */
  most: number;
  /** Statements beside them at once. */
  besides: number;
  lockTimeoutMs: number;
}

/** Writers of a random history: some commit at once, others late or never. Each says what it did. */
export class LateWriters {
  private readonly open: PoolClient[] = [];
  private readonly pool: Pool;

  constructor(
    private readonly random: Randomness,
    private readonly options: LateWritersOptions,
  ) {
    const { url, most, besides, lockTimeoutMs } = options;
    this.pool = createPool({
      url,
      applicationName: 'writers',
      maxConnections: most + besides,
      limits: { statementTimeoutMs: 10_000, lockTimeoutMs },
    });
  }

  get mayBegin(): boolean {
    return this.open.length < this.options.most;
  }

  get mayFinish(): boolean {
    return this.open.length > 0;
  }

  /** Writes in a transaction that stays open. @param undone - one in so many statements is rolled back */
  async begin(statements: readonly string[], undone: number): Promise<string> {
    const writer = await this.pool.connect();
    this.open.push(writer);
    await writer.query('BEGIN');
    const done: string[] = [];
    for (const statement of statements) {
      await writer.query('SAVEPOINT s');
      const outcome = await attempt(writer, statement);
      if (outcome !== statement) await writer.query('ROLLBACK TO SAVEPOINT s');
      done.push(outcome);
      if (this.random.below(undone) === 0) await writer.query('ROLLBACK TO SAVEPOINT s');
    }
    return `begin: ${done.join('; ')}`;
  }

  /** Ends one of the open transactions. */
  async finish(howOf: () => 'COMMIT' | 'ROLLBACK'): Promise<string> {
    const [writer] = this.open.splice(this.random.below(this.open.length), 1);
    // A deferred trigger that waits for a lock can fail a COMMIT, which then is a ROLLBACK.
    const outcome = await attempt(writer!, howOf());
    writer!.release();
    return outcome;
  }

  /** Writes and commits. */
  write(statement: string): Promise<string> {
    return attempt(this.pool, statement);
  }

  async close(): Promise<void> {
    for (const writer of this.open) writer.release(true);
    await this.pool.end();
  }
}

/** @returns the statement, with the error if there was one */
async function attempt(client: Pool | PoolClient, statement: string): Promise<string> {
  try {
    await client.query(statement);
    return statement;
  } catch (error) {
    return `${statement} (${String(error)})`;
  }
}
