import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import { History } from './history/history';

const PRUNE_MS = 60_000;

/** Removes what no rule keeps any more, and closes the history when nothing uses it. */
@Injectable()
export class HistoryRetention implements OnApplicationShutdown {
  private readonly logger = new Logger('Realtime');
  private readonly pruning = new Coalesced(() => this.history.prune());

  constructor(private readonly history: History) {}

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
