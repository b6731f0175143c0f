import {
  parseSyncPlan,
  PROTOCOL_VERSION,
  RivuletError,
  type Acknowledgement,
  type HeldTable,
  type Manifest,
  type SyncPlan,
} from '@rivulet/protocol';
import type { TransactionOptions } from '@rivulet/postgres';
import type { Hub, HubCall } from '../hub/hub';
import { verifyManifest, type VerifiedManifest } from '../hub/manifest-verifier';
import { withRetries, type RetrySettings } from '../hub/retry';
import type { SpoolFile } from '../spool/spool-file';
import type { SyncState } from '../state/sync-state';
import { applyManifest } from './apply-manifest';
import type { DatabaseLease } from './database-lease';
import { fetchMissing, missingFrames } from './download';
import type { SyncProgress, SyncResult, SyncTrigger } from './sync-result';

export interface SyncCycleDependencies {
  hub: Hub;
  state: SyncState;
  spool: SpoolFile;
  macAddress: string;
  /** Thumbprint of central's key, when it is configured. */
  configuredKey: string | undefined;
  retry: RetrySettings;
  applyLimits: TransactionOptions;
  now: () => Date;
  newId: () => string;
  newNonce: () => string;
  /** Gives an error that is none of Rivulet's own its name, and logs it if a person must see it. */
  nameError: (error: unknown) => RivuletError;
  onWarning: (message: string, error: RivuletError) => void;
}

/** One sync, from "here is what I have" to the acknowledgement. Knows nothing of schedules, HTTP or Nest. */
export class SyncCycle {
  constructor(private readonly dependencies: SyncCycleDependencies) {}

  /**
   * Runs the cycle under the lease. A failure is a result, too, and is written to the log.
   *
   * @param progress is kept up to date while the cycle runs
   * @throws only what the log's database throws
   */
  async run(
    trigger: SyncTrigger,
    lease: DatabaseLease,
    progress: SyncProgress,
    signal: AbortSignal,
  ): Promise<SyncResult> {
    const run = new CycleRun(this.dependencies, trigger, lease, progress, signal);
    return run.execute();
  }
}

/** The state of one run. */
class CycleRun {
  private readonly start = performance.now();
  private readonly result: SyncResult;
  private readonly call: HubCall;

  constructor(
    private readonly dependencies: SyncCycleDependencies,
    trigger: SyncTrigger,
    private readonly lease: DatabaseLease,
    private readonly progress: SyncProgress,
    private readonly signal: AbortSignal,
  ) {
    const cycleId = dependencies.newId();
    const startedAt = dependencies.now().toISOString();
    this.call = { cycleId, signal };
    this.result = {
      cycleId,
      trigger,
      status: 'failed',
      manifestId: null,
      epoch: null,
      sequence: null,
      startedAt,
      finishedAt: startedAt,
      durations: { requestMs: 0, downloadMs: 0, applyMs: 0, verifyMs: 0, totalMs: 0 },
      wireBytes: 0,
      acknowledged: false,
      tables: [],
    };
  }

  async execute(): Promise<SyncResult> {
    const { state } = this.dependencies;
    try {
      await this.acknowledgePending();
      const update = await this.requestUpdate();
      if (update === undefined) {
        await this.finishAsCurrent();
        await state.recordCycle(this.result);
      } else {
        await this.download(update.verified.manifest, update.plan);
        await this.apply(update.verified, update.plan);
        await this.acknowledgePending();
      }
    } catch (error) {
      await this.finishAsFailed(error);
    }
    this.finish();
    return this.result;
  }

  /** Sends every report that central has not confirmed. That it cannot is no reason not to sync. */
  private async acknowledgePending(): Promise<void> {
    const { hub, state, onWarning } = this.dependencies;
    for (const acknowledgement of await state.unacknowledged()) {
      this.progress.phase = 'acknowledging';
      try {
        await this.retrying(() => hub.acknowledge(acknowledgement, this.call));
        await state.markAcknowledged(acknowledgement.cycleId);
        if (acknowledgement.cycleId === this.result.cycleId) this.result.acknowledged = true;
      } catch (error) {
        if (!(error instanceof RivuletError)) throw error;
        if (error.code === 'MANIFEST_UNKNOWN') await state.markAcknowledged(acknowledgement.cycleId);
        onWarning(`The acknowledgement of ${acknowledgement.manifestId} was not taken`, error);
        if (error.code !== 'MANIFEST_UNKNOWN') return;
      }
    }
  }

  /** What to apply, or undefined when there is nothing new. */
  private async requestUpdate(): Promise<{ verified: VerifiedManifest; plan: SyncPlan } | undefined> {
    const { hub, state, macAddress, newNonce, configuredKey } = this.dependencies;
    this.progress.phase = 'requesting';
    const start = performance.now();
    const applied = await state.read();
    const held: HeldTable[] = await state.heldTables(this.lease.client);
    const nonce = newNonce();
    const request = {
      protocolVersion: PROTOCOL_VERSION,
      nonce,
      tables: held,
      ...(applied === null
        ? {}
        : { lastManifestId: applied.manifestId, schemaVersion: applied.schemaVersion }),
    };
    const response = await this.retrying(() => hub.request(request, this.call));
    this.result.durations.requestMs = performance.now() - start;
    if (response.status === 'current') {
      if (response.manifestId === applied?.manifestId) return undefined;
      throw new RivuletError(
        'CENTRAL_RESPONSE_INVALID',
        'Central calls a manifest current that is not applied here.',
      );
    }
    const trustedKey = configuredKey ?? applied?.centralKey;
    const verified = await verifyManifest(response.manifest, { macAddress, nonce, trustedKey });
    const { manifest } = verified;
    this.describeManifest(manifest);
    if (manifest.manifestId === applied?.manifestId) return undefined;
    return { verified, plan: parseSyncPlan(response.plan, manifest, held) };
  }

  private async download(manifest: Manifest, plan: SyncPlan): Promise<void> {
    const { hub, spool } = this.dependencies;
    const start = performance.now();
    if (missingFrames(plan, spool).size > 0) {
      this.progress.phase = 'downloading';
      this.progress.bytesTotal = plan.wireBytes;
      // What an abandoned manifest left behind is of use only while it does not pile up.
      if (spool.bytes > 2 * plan.wireBytes) await spool.clear();
      await spool.requireRoom(plan.wireBytes);
      await this.retrying(async () => {
        await fetchMissing(hub, manifest.manifestId, plan, spool, this.call, (bytes) => {
          this.result.wireBytes += bytes;
          this.progress.bytesDone += bytes;
        });
      });
    }
    this.result.durations.downloadMs = performance.now() - start;
  }

  private async apply(verified: VerifiedManifest, plan: SyncPlan): Promise<void> {
    const { state, spool, applyLimits } = this.dependencies;
    const { manifest, signedBy } = verified;
    const order = { manifest, plan, spool, progress: this.progress, signal: this.signal };
    await applyManifest(this.lease, state, order, applyLimits, async (manager, applied) => {
      this.result.status = 'applied';
      this.result.tables = applied.tables;
      this.result.durations.applyMs = applied.applyMs;
      this.result.durations.verifyMs = applied.verifyMs;
      this.finish();
      await state.recordApplied(manager, manifest, signedBy, this.result);
    });
    await spool.clear();
  }

  private async finishAsCurrent(): Promise<void> {
    const { state } = this.dependencies;
    const applied = await state.read();
    const tables = await state.tables();
    this.result.status = 'current';
    this.result.manifestId = applied!.manifestId;
    this.result.epoch = applied!.epoch;
    this.result.sequence = applied!.sequence;
    this.result.acknowledged = true;
    this.result.tables = tables.map(({ name, table, rows, bytes, checksum }) => {
      return { name, table, action: 'unchanged', rows, bytes, checksum };
    });
    this.finish();
  }

  /** The mirrors are as before. Central is told once, as a courtesy: the next cycle starts anew either way. */
  private async finishAsFailed(cause: unknown): Promise<void> {
    const { hub, state, nameError } = this.dependencies;
    const error = nameError(cause);
    this.result.status = 'failed';
    this.result.tables = [];
    this.result.error = { code: error.code, message: error.message, nextStep: error.nextStep };
    this.finish();
    await state.recordCycle(this.result).catch(() => undefined);
    if (this.result.manifestId === null || this.signal.aborted) return;
    await hub.acknowledge(this.failureReport(error), this.call).then(
      () => (this.result.acknowledged = true),
      () => undefined,
    );
  }

  private failureReport({ code, message }: RivuletError): Acknowledgement {
    const { manifestId, cycleId, finishedAt, durations } = this.result;
    return {
      manifestId: manifestId!,
      status: 'failed',
      cycleId,
      finishedAt,
      durationMs: Math.round(durations.totalMs),
      tables: [],
      error: { code, message: message.slice(0, 2000) },
    };
  }

  private describeManifest(manifest: Manifest): void {
    this.result.manifestId = manifest.manifestId;
    this.result.epoch = manifest.epoch;
    this.result.sequence = manifest.sequence;
  }

  private finish(): void {
    this.result.finishedAt = this.dependencies.now().toISOString();
    this.result.durations.totalMs = performance.now() - this.start;
    for (const name of durationNames) this.result.durations[name] = Math.round(this.result.durations[name]);
  }

  private async retrying<T>(work: () => Promise<T>): Promise<T> {
    const { retry, onWarning } = this.dependencies;
    return withRetries(work, retry, this.signal, (error, attempt) => {
      onWarning(`Attempt ${attempt} failed, trying again`, error);
    });
  }
}

const durationNames = ['requestMs', 'downloadMs', 'applyMs', 'verifyMs', 'totalMs'] as const;
