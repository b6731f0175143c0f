import type { BenchServers } from './bench-servers';
import type { Cleanup } from './cleanup';

/** The input of every scenario. The rows of the source are there. */
export interface BenchRun {
  servers: BenchServers;
  rows: number;
  repeat: number;
  /** For the scenario `scopes`. */
  devices: number;
  /** For the scenario `live`. */
  liveDevices: number;
  idle: number;
  commits: number;
  peers: boolean;
  cleanup: Cleanup;
  log: (line: string) => void;
}
