import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import type { ConfigurationReport } from '../hub/configuration-calls';
import type { ConfigurationCache } from './statement/configuration-cache';
import { isSameContent, type FailedVersion, type HeldConfiguration } from './statement/held-configuration';
import type { WorkerSet } from './workers/worker-set';

export type ApplyStatus = 'idle' | 'applying' | 'applied' | 'failed';

/** The present state, for operators and for health. */
export interface ApplyState {
  status: ApplyStatus;
  version: number | null;
  /** The version that the workers run. */
  inForceVersion: number | null;
  inForceSha256: string | null;
  code: string | null;
  reason: string | null;
}

interface Settings {
  healthyForMs: number;
  /** Between attempts to reach a worker: from the first to the last, doubled each time. */
  retryMs: { first: number; most: number };
}

type Failure = FailedVersion & {
  /** The configuration that central has sent last. */
  held: HeldConfiguration;
  atMs: number;
};

const MISSING_SECRET = 'CONFIGURATION_SECRET_MISSING';
/** Attempts with a version under which the workers were unhealthy, or whose secrets this device did not have. */
const ATTEMPTS = 3;
const ATTEMPT_AGAIN_MS = 60_000;

/** Brings what was accepted to the workers, and the last good version back where that goes wrong. One at a time. */
export class ApplyConfiguration {
  private readonly logger = new Logger('Configuration');
  /** The failure of the version that failed last. */
  private failure: Failure | undefined;
  private inForce: HeldConfiguration | undefined;
  private applying: HeldConfiguration | undefined;
  /** Whether a push has begun after which nothing was settled: what workers run is not known. */
  private isOpen = true;

  constructor(
    private readonly cache: ConfigurationCache,
    private readonly workers: WorkerSet,
    private readonly settings: Settings,
    /** Never fails: a report that does not get through is sent again by whoever does it. */
    private readonly report: (report: ConfigurationReport) => void,
  ) {
    const { accepted, failed } = cache;
    if (accepted === undefined || failed === undefined) return;
    const { version, sha256 } = accepted.statement;
    // Before this edge was started. What it lacked then it may have now.
    if (failed.version === version && failed.sha256 === sha256 && failed.code !== MISSING_SECRET)
      this.failure = { ...failed, held: accepted, atMs: performance.now() };
  }

  get state(): ApplyState {
    const { inForce, applying, failure } = this;
    const held = applying ?? failure?.held ?? inForce;
    const status = applying ? 'applying' : failure ? 'failed' : inForce ? 'applied' : 'idle';
    return {
      status,
      version: held?.statement.version ?? null,
      inForceVersion: inForce?.statement.version ?? null,
      inForceSha256: inForce?.statement.sha256 ?? null,
      code: failure?.code ?? null,
      reason: failure?.reason ?? null,
    };
  }

  /** Until the workers have what they should have, as far as that can be now. Call it again after a while. */
  async settle(signal: AbortSignal): Promise<void> {
    const target = this.target();
    if (target === undefined) return;
    if (
      !this.isOpen &&
      this.inForce !== undefined &&
      isSameContent(this.inForce.statement, target.statement)
    ) {
      await this.keep(target, signal);
      return;
    }
    const { good } = this.cache;
    if (good !== undefined && isSameContent(good.statement, target.statement)) {
      // It has proved itself before: after a start of this edge, or where central has gone back to it.
      await this.restore(target, signal);
      return;
    }
    await this.tryOut(target, signal);
  }

  /** The version that the workers should have now: the newest that has not failed. */
  private target(): HeldConfiguration | undefined {
    const { accepted, good } = this.cache;
    if (accepted === undefined) return good;
    const { failure } = this;
    if (failure === undefined || !isSameContent(failure.held.statement, accepted.statement)) {
      this.failure = undefined;
      return accepted;
    }
    if (failure.held !== accepted) {
      // The same again, under a new number: central asks what became of it.
      failure.held = accepted;
      this.tellFailure(failure);
    }
    const waitMs = ATTEMPT_AGAIN_MS * 2 ** (failure.attempts - 1);
    const isDue =
      failure.isPassing && failure.attempts < ATTEMPTS && performance.now() - failure.atMs > waitMs;
    return isDue ? accepted : good;
  }

  private async tryOut(held: HeldConfiguration, signal: AbortSignal): Promise<void> {
    const { version } = held.statement;
    this.applying = held;
    this.isOpen = true;
    this.tell('APPLYING', held);
    try {
      await this.pushUntilReached(held, signal);
      await this.workers.stayHealthy(this.settings.healthyForMs, signal);
      await this.cache.markGood(held);
      this.inForce = held;
      this.isOpen = false;
      this.failure = undefined;
      this.applying = undefined;
      this.logger.log(`The workers run version ${version} of ${held.statement.name}`);
      this.tell('APPLIED', held);
    } catch (error) {
      if (signal.aborted) throw error;
      await this.giveUp(held, error, signal);
    } finally {
      this.applying = undefined;
    }
  }

  private async giveUp(held: HeldConfiguration, error: unknown, signal: AbortSignal): Promise<void> {
    const { code, message } = namedError(error);
    const before = this.failure?.held === held ? this.failure.attempts : 0;
    this.inForce = undefined;
    const { version, sha256 } = held.statement;
    const isPassing = code === 'WORKER_UNHEALTHY' || code === MISSING_SECRET;
    const failed = { version, sha256, code, reason: message, isPassing, attempts: before + 1 };
    const failure = { ...failed, held, atMs: performance.now() };
    this.failure = failure;
    await this.remember(failed);
    this.logger.warn(
      { code },
      `Version ${held.statement.version} of ${held.statement.name} is taken back: ${message}`,
    );
    this.tellFailure(failure);
    const { good } = this.cache;
    if (good === undefined) return;
    await this.pushUntilReached(good, signal);
    this.inForce = good;
    this.isOpen = false;
    this.tellFailure(failure);
  }

  /** Workers get the last good version back, whatever the disk says. */
  private async remember(failed: FailedVersion): Promise<void> {
    try {
      await this.cache.markFailed(failed);
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `After a start version ${failed.version} is tried again: ${message}`);
    }
  }

  private async restore(held: HeldConfiguration, signal: AbortSignal): Promise<void> {
    this.isOpen = true;
    await this.pushUntilReached(held, signal);
    this.inForce = held;
    this.isOpen = false;
    await this.cache.markGood(held);
    if (this.failure !== undefined) {
      this.tellFailure(this.failure);
      return;
    }
    this.logger.log(`The workers run version ${held.statement.version} of ${held.statement.name} again`);
    this.tell('APPLIED', held);
  }

  /** A worker that was started again has nothing. */
  private async keep(held: HeldConfiguration, signal: AbortSignal): Promise<void> {
    const { accepted } = this.cache;
    const isNumberedAnew =
      accepted !== undefined && accepted.statement.sequence !== this.inForce!.statement.sequence;
    try {
      const given = await this.workers.refresh(held, signal);
      if (given > 0)
        this.logger.log(
          `${given} of ${this.workers.workers.length} workers had to be given version ${held.statement.version} again`,
        );
    } catch (error) {
      if (signal.aborted) throw error;
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `A worker could not be looked at: ${message}`);
      return;
    }
    if (this.failure !== undefined || !isNumberedAnew) return;
    this.inForce = held;
    await this.cache.markGood(held);
    this.tell('APPLIED', held);
  }

  /** A worker that is not there is waited for, as long as nothing newer has come. */
  private async pushUntilReached(held: HeldConfiguration, signal: AbortSignal): Promise<void> {
    const { accepted } = this.cache;
    const { first, most } = this.settings.retryMs;
    for (let waitMs = first; ; waitMs = Math.min(most, waitMs * 2)) {
      try {
        await this.workers.push(held, signal);
        return;
      } catch (error) {
        const isThere = !(error instanceof RivuletError) || error.code !== 'WORKER_UNREACHABLE';
        if (isThere || this.cache.accepted !== accepted) throw error;
        if (waitMs === first) this.logger.warn({ code: error.code }, `${error.message} It is tried again.`);
        if (this.applying === held) this.tell('APPLYING', held, `${error.code}: ${error.message}`);
        await sleep(waitMs * (1 + Math.random()), undefined, { signal });
      }
    }
  }

  private tellFailure({ held, code, reason }: Failure): void {
    this.tell('FAILED', held, `${code}: ${reason}`);
  }

  private tell(status: ConfigurationReport['status'], held: HeldConfiguration, reason?: string): void {
    const { name, version, sequence } = held.statement;
    const inForce = this.inForce?.statement;
    this.report({
      name,
      version,
      sequence,
      status,
      ...(reason !== undefined && { reason: reason.slice(0, 1_000) }),
      ...(inForce && { in_force_version: inForce.version, in_force_sha256: inForce.sha256 }),
    });
  }
}
