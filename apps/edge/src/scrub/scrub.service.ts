import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { isTransient, RivuletError } from '@rivulet/errors';
import { describeDeviations } from '../mirrors/describe-deviations';
import type { MirrorInspection } from '../mirrors/inspect-mirror';
import type { ScrubResult, ScrubTrigger } from '../state/scrub-result';
import { initialProgress, type SyncProgress } from '../state/sync-progress';
import { Scrub, type ScrubRun } from './scrub';
import { ScrubEnv } from './scrub.env';
import { ScrubMetrics } from './scrub.metrics';

/** Runs scrubs, one at a time; concurrent triggers share a scrub. */
@Injectable()
export class ScrubService implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Scrub');
  private readonly stopping = new AbortController();
  private running: { result: Promise<ScrubResult>; run: ScrubRun } | undefined;

  constructor(
    private readonly env: ScrubEnv,
    private readonly scrubber: Scrub,
    private readonly metrics: ScrubMetrics,
  ) {}

  /** How far the running scrub is, if there is one. */
  get progress(): SyncProgress | undefined {
    return this.running?.run.progress;
  }

  /**
   * Runs a scrub, or joins the one that is running, and returns its result. It repairs if any caller asks for it before all
   * mirrors are read.
   *
   * @throws RivuletError SHUTTING_DOWN · the error of an unreachable database
   */
  async scrub(trigger: ScrubTrigger, repair = this.env.repair): Promise<ScrubResult> {
    if (this.stopping.signal.aborted) throw new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.');
    if (this.running !== undefined) {
      this.running.run.repair ||= repair;
      return this.running.result;
    }
    const run: ScrubRun = {
      trigger,
      repair,
      progress: initialProgress('scrubbing'),
      signal: this.stopping.signal,
      onDeviation: (inspection) => this.reportDeviation(inspection, run.repair),
    };
    const result = this.runAndReport(run).finally(() => (this.running = undefined));
    this.running = { result, run };
    return result;
  }

  onModuleDestroy(): void {
    this.stopping.abort(new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.'));
  }

  /** The database pool closes after this. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.running?.result.catch(() => undefined);
  }

  private async runAndReport(run: ScrubRun): Promise<ScrubResult> {
    const result = await this.scrubber.run(run);
    this.metrics.finished(result);
    this.report(result);
    return result;
  }

  private reportDeviation(inspection: MirrorInspection, repair: boolean): void {
    this.metrics.deviates(inspection);
    this.logger.warn(`${describeDeviations(inspection)} ${nextStep(repair)}`);
  }

  private report({ scrubId, status, durationMs, error }: ScrubResult): void {
    const summary = { scrubId, status, ms: durationMs };
    if (error !== undefined) {
      const { code, message, nextStep: advice } = error;
      const level = isTransient(code) ? 'warn' : 'error';
      const what = status === 'failed' ? 'Failed' : 'Repair failed';
      this.logger[level]({ ...summary, code }, `${what}: ${message} ${advice}`);
    } else if (status === 'intact') {
      this.logger.log(summary, 'Every mirror is as it was applied');
    } else if (status === 'repaired') {
      this.logger.warn(summary, 'The deviating rows have been fetched again and proved');
    }
  }
}

function nextStep(repair: boolean): string {
  if (repair)
    return 'Its deviating rows are being fetched again. Find out who writes to it, and check the disk.';
  return 'Find out who writes to it, then repair it with POST /api/sync/verify and {"repair": true}.';
}
