import { Injectable, type OnModuleInit } from '@nestjs/common';
import { CentralBus } from '../bus/central-bus';
import { CentralProcesses } from '../devices/presence/central-processes';
import { NudgeService } from '../live/nudges/nudge.service';
import { ProofLatency, type Percentiles } from '../live/nudges/proof-latency';

/** A part of the system that does not work as it should at present. Nothing is lost by it. */
export interface DegradedPart {
  part: 'bus' | 'nudges' | 'live';
  problem: string;
}

/** Each process's report of itself, sent with its beat. */
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
