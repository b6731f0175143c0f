import { Injectable, Logger, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { isTransient, RivuletError } from '@rivulet/errors';
import { EdgeEnv } from '../edge-env';
import { idleProgress, type SyncProgress } from '../sync/sync-result';
import { describeDeviations } from './describe-deviations';
import { Scrub, type ScrubRun } from './scrub';
import type { ScrubResult, ScrubTrigger } from './scrub-result';

/** Runs scrubs: one at a time, whatever asks for them. */
@Injectable()
export class ScrubService implements OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Scrub');
  private readonly stopping = new AbortController();
  private running: { result: Promise<ScrubResult>; run: ScrubRun } | undefined;

  constructor(
    private readonly env: EdgeEnv,
    private readonly scrubber: Scrub,
  ) {}

  /** How far the running scrub is, if one runs. */
  get progress(): SyncProgress | undefined {
    return this.running?.run.progress;
  }

  /**
   * Runs a scrub, or joins the one that is running, and returns its result. It repairs if anybody wants it to who has
   * asked before all mirrors are read.
   *
   * @throws RivuletError SHUTTING_DOWN · the error of a database that is not there
   */
  async scrub(trigger: ScrubTrigger, repair = this.env.verifyRepair): Promise<ScrubResult> {
    if (this.stopping.signal.aborted) throw new RivuletError('SHUTTING_DOWN', 'This edge is shutting down.');
    if (this.running !== undefined) {
      this.running.run.repair ||= repair;
      return this.running.result;
    }
    const run: ScrubRun = {
      trigger,
      repair,
      progress: { ...idleProgress(), phase: 'verifying' },
      signal: this.stopping.signal,
      onDeviation: (inspection) =>
        this.logger.warn(`${describeDeviations(inspection)} ${nextStep(run.repair)}`),
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
    const { verificationId, status, durationMs, error } = result;
    const summary = { verificationId, status, ms: durationMs };
    if (error !== undefined) {
      const message = `${status === 'failed' ? 'Failed' : 'Repair failed'}: ${error.message} ${error.nextStep}`;
      if (!isTransient(error.code)) this.logger.error({ ...summary, code: error.code }, message);
      else this.logger.warn({ ...summary, code: error.code }, message);
    } else if (status === 'intact') {
      this.logger.log(summary, 'Every mirror is as it was applied');
    } else if (status === 'repaired') {
      this.logger.warn(summary, 'What was different has been fetched again and proved');
    }
    return result;
  }
}

function nextStep(repair: boolean): string {
  if (repair) return 'It is fetched again now. Find out who writes to it, and look at the disk.';
  return 'Find out who writes to it, then fetch it again with POST /api/sync/verify and {"repair": true}.';
}
