import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CentralBus } from '../bus/central-bus';
import { CentralProcesses } from '../devices/presence/central-processes';
import { NudgeService } from '../live/nudges/nudge.service';
import { ProofLatency, type Percentiles } from '../live/nudges/proof-latency';

/** What a process of central does not do as it should, for now. Nothing is lost by it. */
export interface DegradedPart {
  part: 'bus' | 'nudges';
  problem: string;
}

/** What each process says of itself with its beat. */
export interface ProcessReport {
  degraded: DegradedPart[];
  latency: Percentiles | null;
}

/** Puts what this process knows of its bus, its nudges and their latency where every process can read it. */
@Injectable()
export class DegradedParts implements OnModuleInit {
  constructor(
    private readonly bus: CentralBus,
    private readonly nudges: NudgeService,
    private readonly latency: ProofLatency,
    private readonly processes: CentralProcesses,
  ) {}

  onModuleInit(): void {
    this.processes.describe(() => ({ ...this.report }));
  }

  get report(): ProcessReport {
    return { degraded: [...this.degraded()], latency: this.latency.percentiles ?? null };
  }

  private *degraded(): Iterable<DegradedPart> {
    const { state, name } = this.bus;
    if (!state.isConnected)
      yield { part: 'bus', problem: `The bus at ${name} is not available: ${state.reason}.` };
    const { problem } = this.nudges;
    if (problem !== undefined) yield { part: 'nudges', problem };
  }
}
