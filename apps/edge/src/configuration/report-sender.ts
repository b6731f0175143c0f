import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import type { ConfigurationCalls, ConfigurationReport } from '../hub/configuration-calls';

const RETRY_MS = { first: 1_000, most: 60_000 };

/** Sends the latest report until central has it. One that is overtaken is not sent any more. */
export class ReportSender {
  private readonly logger = new Logger('Configuration');
  private latest: ConfigurationReport | undefined;
  private running: Promise<void> | undefined;
  private wake = new AbortController();
  /** The code by which central refuses to take a report. */
  private refusedWith: string | undefined;

  constructor(
    private readonly calls: Pick<ConfigurationCalls, 'report'>,
    private readonly signal: AbortSignal,
  ) {}

  send(report: ConfigurationReport): void {
    this.latest = report;
    this.tryAgain();
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      // It came after the last look.
      if (this.latest !== undefined && !this.signal.aborted) this.send(this.latest);
    });
  }

  /** Central answers: what waits is sent now. */
  tryAgain(): void {
    this.wake.abort();
  }

  /** When it has stopped, after the signal. */
  async stopped(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    for (let waitMs = RETRY_MS.first; this.latest !== undefined && !this.signal.aborted;) {
      const report = this.latest;
      try {
        await this.calls.report(report, this.signal);
        waitMs = RETRY_MS.first;
        this.refusedWith = undefined;
        if (this.latest === report) this.latest = undefined;
      } catch (error) {
        if (this.signal.aborted) return;
        // What central refuses today, as of a device in quarantine, it may take later; and nobody would say it again.
        if (!this.isPassing(error)) waitMs = RETRY_MS.most;
        if (this.latest === report) await this.wait(waitMs * (1 + Math.random()));
        waitMs = Math.min(RETRY_MS.most, waitMs * 2);
      }
    }
  }

  private isPassing(error: unknown): boolean {
    const { code, message } = namedError(error);
    if (!(error instanceof RivuletError) || error.isTransient) {
      this.logger.debug({ code }, `A report is sent again: ${message}`);
      return true;
    }
    if (this.refusedWith !== code) this.logger.warn({ code }, `Central does not take a report: ${message}`);
    this.refusedWith = code;
    return false;
  }

  private async wait(ms: number): Promise<void> {
    this.wake = new AbortController();
    const signal = AbortSignal.any([this.signal, this.wake.signal]);
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}
