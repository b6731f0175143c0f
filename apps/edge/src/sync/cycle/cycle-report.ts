import type { Manifest } from '@rivulet/protocol';
import type { SyncDurations, SyncResult, SyncTrigger } from '../../state/sync-result';

type Described = Pick<SyncResult, 'manifestId' | 'epoch' | 'sequence'>;

/** How a cycle has ended. */
type Ending = Pick<SyncResult, 'status' | 'tables' | 'acknowledged' | 'error'>;

/** Measures one cycle, and makes its result when the cycle knows how it has ended. */
export class CycleReport {
  private readonly start = performance.now();
  private readonly startedAt = this.now().toISOString();
  private readonly durations = { requestMs: 0, downloadMs: 0, applyMs: 0, verifyMs: 0 };
  private described: Described = { manifestId: null, epoch: null, sequence: null };
  private wireBytes = 0;

  constructor(
    private readonly cycleId: string,
    private readonly trigger: SyncTrigger,
    private readonly now: () => Date,
  ) {}

  /** Null until central has named a manifest. */
  get manifestId(): string | null {
    return this.described.manifestId;
  }

  /** The result is about this manifest. */
  describe({ manifestId, epoch, sequence }: Pick<Manifest, 'manifestId' | 'epoch' | 'sequence'>): void {
    this.described = { manifestId, epoch, sequence };
  }

  received(bytes: number): void {
    this.wireBytes += bytes;
  }

  /** Adds the time that the work takes, unless it fails. */
  async timed<T>(phase: 'requestMs' | 'downloadMs', work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.durations[phase] += performance.now() - start;
    return result;
  }

  applied(applyMs: number, verifyMs: number): void {
    Object.assign(this.durations, { applyMs, verifyMs });
  }

  /** The result of a cycle that ends now. */
  end({ status, tables, acknowledged, error }: Ending): SyncResult {
    return {
      cycleId: this.cycleId,
      trigger: this.trigger,
      status,
      ...this.described,
      startedAt: this.startedAt,
      finishedAt: this.now().toISOString(),
      durations: this.roundedDurations(),
      wireBytes: this.wireBytes,
      acknowledged,
      tables,
      ...(error === undefined ? {} : { error }),
    };
  }

  private roundedDurations(): SyncDurations {
    const { requestMs, downloadMs, applyMs, verifyMs } = this.durations;
    return {
      requestMs: Math.round(requestMs),
      downloadMs: Math.round(downloadMs),
      applyMs: Math.round(applyMs),
      verifyMs: Math.round(verifyMs),
      totalMs: Math.round(performance.now() - this.start),
    };
  }
}
