import { Injectable } from '@nestjs/common';

/** What is known of the time at central, by wall clocks, in ms. */
export interface KnownTime {
  centralMs: number;
  /** What the clock of this device said then. */
  ownMs: number;
}

@Injectable()
export class Clocks {
  /** Wall clock, in ms; it may be wrong, and jump. */
  wall(): number {
    return Date.now();
  }

  /** Ms since whenever; goes on evenly while the process lives. */
  monotonic(): number {
    return performance.now();
  }
}

/**
 * The time at central, while central cannot be asked: what it said last, and how long ago that was. After a restart the wall
 * clock says how long; one that is behind what it said before has been lost, and says nothing.
 */
export class CentralTime {
  private heardAtMs: number | undefined;

  constructor(
    private readonly clocks: Clocks,
    private known?: KnownTime,
  ) {}

  /** Central has said what time it is. */
  heard(centralMs: number): KnownTime {
    this.heardAtMs = this.clocks.monotonic();
    this.known = { centralMs, ownMs: this.clocks.wall() };
    return this.known;
  }

  /** When central was heard last in this process, by its clock; undefined before. */
  get lastHeardMs(): number | undefined {
    return this.heardAtMs === undefined ? undefined : this.known!.centralMs;
  }

  /** Undefined where it is not known. */
  get nowMs(): number | undefined {
    if (this.known === undefined) return undefined;
    const { centralMs, ownMs } = this.known;
    const passedMs =
      this.heardAtMs === undefined ? this.clocks.wall() - ownMs : this.clocks.monotonic() - this.heardAtMs;
    return passedMs < 0 ? undefined : centralMs + passedMs;
  }
}
