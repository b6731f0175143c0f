import {
  parseSyncPlan,
  PROTOCOL_VERSION,
  RivuletError,
  type Manifest,
  type SyncPlan,
} from '@rivulet/protocol';
import type { TransactionOptions } from '@rivulet/postgres';
import type { Hub, HubCall } from '../hub/hub';
import { verifyManifest, type VerifiedManifest } from '../hub/manifest-verifier';
import { isPassing, withRetries, type RetrySettings } from '../hub/retry';
import type { SpoolFile } from '../spool/spool-file';
import type { HeldMirror, SyncState } from '../state/sync-state';
import { applyManifest, refuseStale } from './apply-manifest';
import type { DatabaseLease } from './database-lease';
import { bytesToFetch, fetchMissing, missingFrames } from './download';
import { failureReport, storableError } from './failure-report';
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
  now: () => Date;
  newId: () => string;
  newNonce: () => string;
  /** Gives an error that is none of Rivulet's own its name, and logs it if a person must see it. */
  nameError: (error: unknown) => RivuletError;
  onWarning: (message: string, error: RivuletError, cycleId: string) => void;
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

interface Update {
  verified: VerifiedManifest;
  plan: SyncPlan;
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
    this.result = unfinishedResult(cycleId, trigger, startedAt);
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
      }
    } catch (error) {
      if (!(await this.isCommitted())) await this.finishAsFailed(error);
    }
    if (this.result.status === 'applied') await this.tidyUp();
    this.finish();
    return this.result;
  }

  /** Whether the manifest is applied after all: a connection can break after the commit and before its answer. */
  private async isCommitted(): Promise<boolean> {
    if (this.result.status !== 'applied') return false;
    const applied = await this.dependencies.state.read().catch(() => null);
    return applied?.manifestId === this.result.manifestId;
  }

  /** Whatever fails here, the manifest is applied, and the next cycle makes up for it. */
  private async tidyUp(): Promise<void> {
    const { spool, nameError } = this.dependencies;
    await spool
      .clear()
      .catch((error: unknown) => this.warn('The spool could not be emptied', nameError(error)));
    await this.acknowledgePending().catch((error: unknown) => {
      this.warn('The acknowledgement is left to the next cycle', nameError(error));
    });
  }

  /** Sends every report that central has not confirmed. That it cannot is no reason not to sync. */
  private async acknowledgePending(): Promise<void> {
    const { hub, state, now } = this.dependencies;
    for (const acknowledgement of await state.unacknowledged()) {
      this.progress.phase = 'acknowledging';
      try {
        await this.retrying(() => hub.acknowledge(acknowledgement, this.call));
        await state.markAcknowledged(acknowledgement.cycleId, now());
        if (acknowledgement.cycleId === this.result.cycleId) this.result.acknowledged = true;
      } catch (error) {
        if (!(error instanceof RivuletError)) throw error;
        if (error.code === 'MANIFEST_UNKNOWN') await state.markAcknowledged(acknowledgement.cycleId, now());
        this.warn(`The acknowledgement of ${acknowledgement.manifestId} was not taken`, error);
        // A central that is away would not take the others either; one that refuses this one may.
        if (isPassing(error)) return;
      }
    }
  }

  /** What to apply, or undefined when there is nothing new. */
  private async requestUpdate(): Promise<Update | undefined> {
    const { state } = this.dependencies;
    this.progress.phase = 'requesting';
    const start = performance.now();
    const held = await state.heldTables(this.lease.client);
    let update = await this.ask(held);
    // Central knows a mirror by its dataset. One that is to have another table name must not be kept, but loaded.
    const inPlace = held.filter((mirror) => !isMoved(mirror, update));
    if (inPlace.length < held.length) update = await this.ask(inPlace);
    this.result.durations.requestMs = performance.now() - start;
    return update;
  }

  private async ask(mirrors: HeldMirror[]): Promise<Update | undefined> {
    const { hub, state, macAddress, newNonce, configuredKey } = this.dependencies;
    const applied = await state.read();
    const held = mirrors.map(({ name, fingerprint, checksum }) => ({ name, fingerprint, checksum }));
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
    // Checked again when it is applied, under the lock; here it spares the download.
    refuseStale(manifest, applied);
    return { verified, plan: parseSyncPlan(response.plan, manifest, held) };
  }

  private async download(manifest: Manifest, plan: SyncPlan): Promise<void> {
    const { hub, spool } = this.dependencies;
    const start = performance.now();
    await spool.recover();
    if (missingFrames(plan, spool).size > 0) {
      // What an abandoned manifest left behind is of use only while it does not pile up.
      if (spool.bytes > 2 * plan.wireBytes) await spool.clear();
      this.progress.phase = 'downloading';
      this.progress.bytesTotal = bytesToFetch(plan, spool);
      await spool.requireRoom(this.progress.bytesTotal);
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
  }

  private async finishAsCurrent(): Promise<void> {
    const { state } = this.dependencies;
    const applied = await state.read();
    const tables = await state.tables();
    this.result.status = 'current';
    this.result.manifestId = applied!.manifestId;
    this.result.epoch = applied!.epoch;
    this.result.sequence = applied!.sequence;
    const pending = await state.unacknowledged();
    this.result.acknowledged = !pending.some(({ manifestId }) => manifestId === applied!.manifestId);
    this.result.tables = tables.map(({ name, table, rows, bytes, checksum }) => {
      return { name, table, action: 'unchanged', rows, bytes, checksum };
    });
    this.finish();
  }

  /** The mirrors are as before. Central is told once, as a courtesy: the next cycle starts anew either way. */
  private async finishAsFailed(cause: unknown): Promise<void> {
    const { hub, state, now, nameError } = this.dependencies;
    this.result.status = 'failed';
    this.result.tables = [];
    this.result.error = storableError(nameError(cause));
    this.finish();
    const isRecorded = await state.recordCycle(this.result).then(
      () => true,
      (problem: unknown) => this.warn('The failure could not be entered in the log', nameError(problem)),
    );
    // A report could contradict a commit of which nothing is known while the database is away.
    if (isRecorded !== true || this.result.manifestId === null || this.signal.aborted) return;
    try {
      await hub.acknowledge(failureReport(this.result), this.call);
      this.result.acknowledged = true;
      await state.markAcknowledged(this.result.cycleId, now());
    } catch {
      // The next cycle starts anew, and reports what becomes of it.
    }
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

  private warn(message: string, error: RivuletError): void {
    this.dependencies.onWarning(message, error, this.call.cycleId);
  }

  private async retrying<T>(work: () => Promise<T>): Promise<T> {
    const { retry } = this.dependencies;
    return withRetries(work, retry, this.signal, (error, attempt) => {
      this.warn(`Attempt ${attempt} failed, trying again`, error);
    });
  }
}

const durationNames = ['requestMs', 'downloadMs', 'applyMs', 'verifyMs', 'totalMs'] as const;

function isMoved(mirror: HeldMirror, update: Update | undefined): boolean {
  const wanted = update?.verified.manifest.tables.find(({ name }) => name === mirror.name);
  return wanted !== undefined && wanted.table !== mirror.table;
}
