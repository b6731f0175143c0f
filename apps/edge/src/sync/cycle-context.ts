import type { TransactionOptions } from '@rivulet/postgres';
import type { RivuletError } from '@rivulet/errors';
import type { Manifest } from '@rivulet/protocol';
import type { Hub, HubCall } from '../hub/hub';
import { withRetries, type RetrySettings } from '../hub/retry';
import type { SpoolFile } from '../spool/spool-file';
import type { SyncState } from '../state/sync-state';
import type { VerifyMode } from './apply-manifest';
import type { DatabaseLease } from './database-lease';
import type { ApplyMode } from './plan-tables';
import { unfinishedResult, type SyncProgress, type SyncResult, type SyncTrigger } from './sync-result';

export interface SyncCycleDependencies {
  hub: Hub;
  state: SyncState;
  spool: SpoolFile;
  macAddress: string;
  /** Thumbprint of central's key, when it is configured. */
  configuredKey: string | undefined;
  retry: RetrySettings;
  applyLimits: TransactionOptions;
  applyMode: ApplyMode;
  verify: VerifyMode;
  now: () => Date;
  newId: () => string;
  newNonce: () => string;
  /** Gives an error that is none of Rivulet's own its name, and logs it if a person must see it. */
  nameError: (error: unknown) => RivuletError;
  onWarning: (message: string, error: RivuletError, cycleId: string) => void;
}

/** What a cycle is to do. */
export interface CycleOrder {
  trigger: SyncTrigger;
  /** Whether it may delete more of a mirror's rows than the manifest lets it. */
  confirmDeletes: boolean;
}

const durationNames = ['requestMs', 'downloadMs', 'applyMs', 'verifyMs', 'totalMs'] as const;

/** What the steps of one cycle share. */
export class CycleContext {
  readonly result: SyncResult;
  readonly call: HubCall;
  private readonly start = performance.now();

  constructor(
    readonly dependencies: SyncCycleDependencies,
    readonly order: CycleOrder,
    readonly lease: DatabaseLease,
    /** Kept up to date while the cycle runs. */
    readonly progress: SyncProgress,
    readonly signal: AbortSignal,
  ) {
    const cycleId = dependencies.newId();
    const startedAt = dependencies.now().toISOString();
    this.call = { cycleId, signal };
    this.result = unfinishedResult(cycleId, order.trigger, startedAt);
  }

  /** Has the result speak of this manifest. */
  describeManifest({
    manifestId,
    epoch,
    sequence,
  }: Pick<Manifest, 'manifestId' | 'epoch' | 'sequence'>): void {
    this.result.manifestId = manifestId;
    this.result.epoch = epoch;
    this.result.sequence = sequence;
  }

  /** Has the result end now. */
  finish(): void {
    const { durations } = this.result;
    this.result.finishedAt = this.dependencies.now().toISOString();
    durations.totalMs = performance.now() - this.start;
    for (const name of durationNames) durations[name] = Math.round(durations[name]);
  }

  warn(message: string, error: RivuletError): void {
    this.dependencies.onWarning(message, error, this.call.cycleId);
  }

  async retrying<T>(work: () => Promise<T>): Promise<T> {
    return withRetries(work, this.dependencies.retry, this.signal, (error, attempt) => {
      this.warn(`Attempt ${attempt} failed, trying again`, error);
    });
  }
}
