import { Injectable } from '@nestjs/common';

/**
 * How far the process is on its way out. Draining comes first: probes say so and responses close their connections,
 * while requests are still served. Closing follows after the grace period: new requests are refused.
 */
@Injectable()
export class DrainState {
  private readonly drain = new AbortController();
  private isClosing = false;

  get draining(): boolean {
    return this.drain.signal.aborted;
  }

  get closing(): boolean {
    return this.isClosing;
  }

  /** Aborts when draining starts: for loops and waits that should start nothing new. */
  get signal(): AbortSignal {
    return this.drain.signal;
  }

  startDraining(): void {
    this.drain.abort();
  }

  startClosing(): void {
    this.startDraining();
    this.isClosing = true;
  }
}
