import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem, loadavg, totalmem, uptime } from 'node:os';
import { Injectable, Optional } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SyncService } from '../sync/sync.service';

type Figures = Record<string, number | string | null>;

/** The size of a database is asked for this often. */
const DATABASE_SIZE_EVERY_MS = 60_000;

/** The figures of a heartbeat, by the names of docs/agent-protocol.md. */
@Injectable()
export class DeviceFigures {
  private databaseBytes: number | null = null;
  private measuredAtMs = -Infinity;

  constructor(
    @Optional() private readonly database?: DataSource,
    @Optional() private readonly sync?: SyncService,
  ) {}

  async read(): Promise<Figures> {
    const last = this.sync?.lastResult;
    return {
      cpu_usage: percent(loadavg()[0]! / availableParallelism()),
      memory_usage: percent(1 - freemem() / totalmem()),
      disk_usage: await diskUsage(),
      uptime_seconds: Math.round(uptime()),
      database_bytes: await this.databaseSize(),
      last_cycle: last?.status ?? null,
      last_cycle_error: last?.error?.code ?? null,
      manifest_id: last?.manifestId ?? null,
    };
  }

  private async databaseSize(): Promise<number | null> {
    if (performance.now() - this.measuredAtMs < DATABASE_SIZE_EVERY_MS) return this.databaseBytes;
    this.measuredAtMs = performance.now();
    if (this.database === undefined) return null;
    const rows: { bytes: string }[] = await this.database
      .query('SELECT pg_database_size(current_database()) AS bytes')
      .catch(() => []);
    this.databaseBytes = rows[0] === undefined ? this.databaseBytes : Number(rows[0].bytes);
    return this.databaseBytes;
  }
}

/** The usage of the file system that the edge runs on. */
async function diskUsage(): Promise<number | null> {
  const figures = await statfs('.').catch(() => undefined);
  return figures === undefined ? null : percent(1 - figures.bavail / figures.blocks);
}

function percent(share: number): number {
  return Math.round(Math.min(1, Math.max(0, share)) * 1_000) / 10;
}
