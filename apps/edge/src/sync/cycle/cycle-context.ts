import type { TransactionOptions } from '@rivulet/postgres';
import type { RivuletError } from '@rivulet/errors';
import type { Hub, HubCall } from '../../hub/hub';
import { withRetries, type RetrySettings } from '../../hub/transfer/retry';
import type { ApplyMode } from '../../mirrors/plan-tables';
import type { VerifyMode } from '../../mirrors/prove-table';
import type { SpoolFile } from '../../spool/spool-file';
import type { DatabaseLease } from '../../state/database-lease';
import type { SyncProgress } from '../../state/sync-progress';
import type { SyncTrigger } from '../../state/sync-result';
import type { SyncState } from '../../state/sync-state';
import { CycleReport } from './cycle-report';

export interface SyncCycleDependencies {
  hub: Hub;
  state: SyncState;
  spool: SpoolFile;
  macAddress: string;
  /** Thumbprint of central's key, when it is configured or known from the enrolment. */
  pinnedKey: () => string | undefined;
  /** Makes sure that central's key has followed the trusted one, or throws. Without it no other key is trusted. */
  followKey?: (trusted: string, signedBy: string, signal: AbortSignal) => Promise<void>;
  retry: RetrySettings;
  applyLimits: TransactionOptions;
  applyMode: ApplyMode;
  verify: VerifyMode;
  now: () => Date;
  newId: () => string;
  newNonce: () => string;
  /** Turns any error into one of Rivulet's, and logs it if a person must see it. */
  nameError: (error: unknown) => RivuletError;
  onWarning: (message: string, error: RivuletError, cycleId: string) => void;
}

/** The input of a cycle. */
export interface CycleOrder {
  trigger: SyncTrigger;
  /** Whether it may delete more of a mirror's rows than the manifest allows. */
  confirmDeletes: boolean;
}

/** The state that the steps of one cycle share. */
export class CycleContext {
  readonly report: CycleReport;
  readonly call: HubCall;

  constructor(
    readonly dependencies: SyncCycleDependencies,
    readonly order: CycleOrder,
    readonly lease: DatabaseLease,
    /** Kept up to date while the cycle runs. */
    readonly progress: SyncProgress,
    readonly signal: AbortSignal,
  ) {
    const cycleId = dependencies.newId();
    this.call = { cycleId, signal };
    this.report = new CycleReport(cycleId, order.trigger, dependencies.now);
  }

  warn(message: string, error: RivuletError): void {
    this.dependencies.onWarning(message, error, this.call.cycleId);
  }

  async retrying<T>(work: () => Promise<T>): Promise<T> {
    return withRetries(work, this.dependencies.retry, this.signal, (error, attempt) => {
      this.warn(`Attempt ${attempt} failed, retrying`, error);
    });
  }
}
