import { cpus, totalmem } from 'node:os';
import { serverSettings, type BenchServers } from '../setup/bench-servers';

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  node: string;
  postgres: string;
  settings: Record<string, string>;
}

/** The conditions, besides the code, that the figures depend on. */
export async function describeMachine({ central }: BenchServers): Promise<Machine> {
  const { rows } = await central.pool.query<{ server_version: string }>('SHOW server_version');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    postgres: rows[0]!.server_version,
    settings: serverSettings,
  };
}

export function machineLine({ cpu, cores, memoryGiB, node, postgres, settings }: Machine): string {
  const set = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `${cores} cores (${cpu}), ${memoryGiB} GiB · Node ${node} · PostgreSQL ${postgres}: ${set.join(', ')}`;
}
