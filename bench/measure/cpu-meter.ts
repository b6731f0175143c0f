import type { BenchServers } from '../setup/bench-servers';
import { cpuSecondsOf, cpuSecondsOfServer } from './process-cpu';
import { median, round } from './statistics';

/** CPU seconds of both apps and their servers. */
export interface Cpu {
  central: number;
  edge: number;
  centralServer: number;
  edgeServer: number;
}

interface Running {
  pid: number;
}

export class CpuMeter {
  constructor(
    private readonly servers: BenchServers,
    private readonly central: Running,
    private readonly edge: Running,
  ) {}

  async read(): Promise<Cpu> {
    return {
      central: cpuSecondsOf(this.central.pid),
      edge: cpuSecondsOf(this.edge.pid),
      centralServer: await cpuSecondsOfServer(this.servers.central.pool),
      edgeServer: await cpuSecondsOfServer(this.servers.edge.pool),
    };
  }

  async since(before: Cpu): Promise<Cpu> {
    const now = await this.read();
    return eachOf((part) => now[part] - before[part]);
  }
}

export function medianCpu(rounds: readonly Cpu[]): Cpu {
  return eachOf((part) => median(rounds.map((cpu) => cpu[part])));
}

function eachOf(value: (part: keyof Cpu) => number): Cpu {
  const of = (part: keyof Cpu): number => round(value(part), 2);
  return {
    central: of('central'),
    edge: of('edge'),
    centralServer: of('centralServer'),
    edgeServer: of('edgeServer'),
  };
}
