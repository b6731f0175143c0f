import { Injectable, Logger, Optional } from '@nestjs/common';
import { Coalesced, namedError } from '@rivulet/platform';
import { SyncService } from '../sync/sync.service';
import { LiveMetrics } from './live.metrics';

/** Syncs when central says so. Nudges that come during a cycle share the next one: the running one may have asked already. */
@Injectable()
export class NudgedSync {
  private readonly logger = new Logger('Live');
  private readonly cycles = new Coalesced(() => this.cycle());
  private nudgedAt: Date | undefined;

  constructor(
    private readonly metrics: LiveMetrics,
    @Optional() private readonly sync?: SyncService,
  ) {}

  get lastNudgeAt(): Date | undefined {
    return this.nudgedAt;
  }

  nudge(): void {
    this.nudgedAt = new Date();
    this.metrics.nudges.inc();
    void this.cycles.run();
  }

  private async cycle(): Promise<void> {
    try {
      await this.sync?.settled();
      await this.sync?.sync('nudge');
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The sync that central asked for did not run: ${message}`);
    }
  }
}
