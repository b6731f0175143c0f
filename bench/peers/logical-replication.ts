import { setTimeout as delay } from 'node:timers/promises';
import { escapeLiteral, type Pool } from 'pg';
import type { BenchServers } from '../setup/bench-servers';
import { createEmptyTable } from '../setup/source-rows';

const POLL_MS = 2;
const DEADLINE_MS = 1_800_000;

/** A subscription of the edge's server to bench_rows on central's server. */
export class LogicalReplication {
  private constructor(
    private readonly servers: BenchServers,
    /** From CREATE SUBSCRIPTION until the copied rows are committed. */
    readonly initialCopySeconds: number,
    /** Until PostgreSQL calls it done, and changes follow. */
    readonly readySeconds: number,
  ) {}

  static async start(servers: BenchServers): Promise<LogicalReplication> {
    const { central, edge } = servers;
    await createEmptyTable(edge.pool, 'bench_rows');
    await central.pool.query('CREATE PUBLICATION bench_publication FOR TABLE bench_rows');
    await servers.settle();
    const start = performance.now();
    await edge.pool.query(
      `CREATE SUBSCRIPTION bench_subscription CONNECTION ${escapeLiteral(central.url)} PUBLICATION bench_publication`,
    );
    // https://www.postgresql.org/docs/18/catalog-pg-subscription-rel.html: from f on the copy is committed.
    await waitUntil('the initial copy', () => hasState(edge.pool, 'fsr'));
    const copied = performance.now();
    await waitUntil('to become ready', () => hasState(edge.pool, 'r'));
    return new LogicalReplication(servers, (copied - start) / 1000, (performance.now() - start) / 1000);
  }

  /** Seconds from now until this row is on the edge's server as it is on central's. */
  async secondsUntilApplied(id: number): Promise<number> {
    const start = performance.now();
    const { central, edge } = this.servers;
    const read = 'SELECT amount FROM bench_rows WHERE id = $1';
    await waitUntil('the update', async () => {
      const [source, target] = await Promise.all([
        central.pool.query<{ amount: string }>(read, [id]),
        edge.pool.query<{ amount: string }>(read, [id]),
      ]);
      return source.rows[0]!.amount === target.rows[0]?.amount;
    });
    return (performance.now() - start) / 1000;
  }

  async stop(): Promise<void> {
    const { central, edge } = this.servers;
    await edge.pool.query('DROP SUBSCRIPTION bench_subscription');
    await edge.pool.query('DROP TABLE bench_rows');
    await central.pool.query('DROP PUBLICATION bench_publication');
  }
}

async function hasState(pool: Pool, states: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT FROM pg_subscription_rel WHERE strpos($1, srsubstate::text) > 0`,
    [states],
  );
  return rowCount === 1;
}

async function waitUntil(what: string, isDone: () => Promise<boolean>): Promise<void> {
  const start = performance.now();
  while (!(await isDone())) {
    if (performance.now() - start > DEADLINE_MS)
      throw new Error(`Logical replication did not finish ${what}.`);
    await delay(POLL_MS);
  }
}
