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

  constructor(
    private readonly calls: ConfigurationCalls,
    private readonly signal: AbortSignal,
  ) {}

  send(report: ConfigurationReport): void {
    this.latest = report;
    this.running ??= this.run().finally(() => (this.running = undefined));
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
      } catch (error) {
        if (this.signal.aborted) return;
        const { code, message } = namedError(error);
        if (!(error instanceof RivuletError) || error.isTransient) {
          this.logger.debug({ code }, `A report is sent again: ${message}`);
          await sleep(waitMs * (1 + Math.random()), undefined, { signal: this.signal }).catch(
            () => undefined,
          );
          waitMs = Math.min(RETRY_MS.most, waitMs * 2);
          continue;
        }
        this.logger.warn({ code }, `Central does not take a report: ${message}`);
      }
      if (this.latest === report) this.latest = undefined;
    }
  }
}
