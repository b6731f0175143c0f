import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPool, startEmbeddedServer, type EmbeddedServer } from '@rivulet/postgres';
import type { Pool } from 'pg';

/** The same for every server and every contender. */
const settings = {
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  wal_level: 'logical',
};

/** Two PostgreSQL servers, as a hub and a device would have, that live as long as the benchmark. */
export class BenchServers {
  private constructor(
    private readonly directory: string,
    private readonly servers: EmbeddedServer[],
    readonly central: { url: string; pool: Pool },
    readonly edge: { url: string; pool: Pool },
  ) {}

  static async start(): Promise<BenchServers> {
    const directory = mkdtempSync(join(tmpdir(), 'rivulet-bench-'));
    const start = (name: string): Promise<EmbeddedServer> =>
      startEmbeddedServer({ directory: join(directory, name), databases: [name], settings });
    const [central, edge] = await Promise.all([start('central'), start('edge')]);
    return new BenchServers(directory, [central, edge], connect(central, 'central'), connect(edge, 'edge'));
  }

  /** For files of the run. */
  path(name: string): string {
    return join(this.directory, name);
  }

  async stop(): Promise<void> {
    await Promise.all([this.central.pool.end(), this.edge.pool.end()]);
    await Promise.all(this.servers.map((server) => server.stop()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function connect(server: EmbeddedServer, database: string): { url: string; pool: Pool } {
  const url = server.url(database);
  return { url, pool: createPool({ url, applicationName: 'bench', maxConnections: 4 }) };
}
