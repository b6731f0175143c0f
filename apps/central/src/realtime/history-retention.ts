import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { RivuletError } from '@rivulet/errors';
import { History } from './history/history';

const PRUNE_MS = 60_000;

/** Says at the start if the history cannot be kept, removes what no rule keeps any more, and closes it when nothing uses it. */
@Injectable()
export class HistoryRetention implements OnApplicationShutdown, OnModuleInit {
  private readonly logger = new Logger('Realtime');
  private readonly pruning = new Coalesced(() => this.history.prune());

  constructor(private readonly history: History) {}

  onModuleInit(): void {
    void this.look();
  }

  /** A server that is away is made up for. One that cannot keep messages needs somebody. */
  private async look(): Promise<void> {
    try {
      await this.history.positionsOf([]);
    } catch (error) {
      const { code, message } = namedError(error);
      if (!(error instanceof RivuletError) || code !== 'REALTIME_HISTORY_UNUSABLE') return;
      this.logger.error({ code }, `Topics do not work: ${message} ${error.nextStep}`);
    }
  }

  @Interval('realtime history', PRUNE_MS)
  async prune(): Promise<void> {
    await this.pruning.run().catch((error: unknown) => {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Old messages of topics were not removed: ${message}`);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.history.close();
  }
}
