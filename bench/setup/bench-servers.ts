import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer } from '@rivulet/embedded-postgres';
import { createPool } from '@rivulet/postgres';
import type { Pool } from 'pg';
import type { Cleanup } from './cleanup';

/**
 * The same for every server and every contender. Logical replication wants wal_level = logical, so nobody skips the
 * WAL of a bulk load, as `minimal` would allow.
 */
export const serverSettings = {
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  wal_level: 'logical',
};

export interface BenchServer {
  url: string;
  pool: Pool;
}

/** Two PostgreSQL servers, as a hub and a device would have, that live as long as the benchmark. */
export class BenchServers {
  private constructor(
    private readonly directory: string,
    readonly central: BenchServer,
    readonly edge: BenchServer,
  ) {}

  static async start(cleanup: Cleanup): Promise<BenchServers> {
    const directory = mkdtempSync(join(tmpdir(), 'rivulet-bench-'));
    cleanup.add(async () => rmSync(directory, { recursive: true, force: true }));
    const central = await startServer(directory, 'central', cleanup);
    const edge = await startServer(directory, 'edge', cleanup);
    return new BenchServers(directory, central, edge);
  }

  /** For files of the run. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes dirty pages, so that nobody pays for those of the one before. */
  async settle(): Promise<void> {
    await Promise.all([this.central.pool.query('CHECKPOINT'), this.edge.pool.query('CHECKPOINT')]);
  }
}

async function startServer(directory: string, name: string, cleanup: Cleanup): Promise<BenchServer> {
  const server = await startEmbeddedServer({
    directory: join(directory, name),
    databases: [name],
    settings: serverSettings,
  });
  cleanup.add(() => server.stop());
  const url = server.url(name);
  const limits = { statementTimeoutMs: 0, lockTimeoutMs: 0 };
  const pool = createPool({ url, applicationName: 'bench', maxConnections: 4, limits });
  cleanup.add(() => pool.end());
  return { url, pool };
}
