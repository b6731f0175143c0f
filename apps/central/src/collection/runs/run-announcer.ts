import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { Coalesced, namedError } from '@rivulet/platform';
import type { PoolClient } from 'pg';
import { Publisher } from '../../realtime/publish/publisher';
import { topicOfRun } from '../../realtime/rules/run-topics';
import { CollectionDatabase } from '../collection-database';
import { courseOf, statusOf } from './run-progress';
import { RunStore } from './run-store';

const EVERY_MS = 1_000;
const LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('rivulet run topics', 0)) AS taken";

/**
 * Tells the topic of each run how it goes, once a second while something changes, and how it ended. One central at a time does
 * so, so that no older state comes behind a newer one.
 */
@Injectable()
export class RunAnnouncer {
  private readonly logger = new Logger('Collection');
  private readonly announcing = new Coalesced(() => this.announce());
  /** The last announcement of each run that goes on. */
  private told = new Map<string, string>();

  constructor(
    private readonly database: CollectionDatabase,
    private readonly runs: RunStore,
    private readonly publisher: Publisher,
  ) {}

  @Interval('collection run topics', EVERY_MS)
  async announceInBackground(): Promise<void> {
    try {
      await this.announcing.run();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `The topics of runs are told later how they go: ${message}`);
    }
  }

  async announce(): Promise<void> {
    if (!(await this.runs.hasUntold())) return;
    await this.database.transaction(async (client) => {
      const { rows } = await client.query<{ taken: boolean }>(LOCK);
      if (rows[0]!.taken) await this.tell(client);
    });
  }

  private async tell(client: PoolClient): Promise<void> {
    const now = new Date();
    const told = new Map<string, string>();
    const untold = await this.runs.untold();
    const messages = untold.flatMap((run) => {
      const { runId } = run;
      const course = courseOf(statusOf(run, now));
      told.set(runId, course);
      // Where another central has told it already, it is told twice.
      if (this.told.get(runId) === course) return [];
      return [{ topic: topicOfRun(runId), data: JSON.stringify(statusOf(run, now)) }];
    });
    if (messages.length > 0) await this.publisher.publishAll(messages, 'runs');
    const over = untold.filter(({ finishedAt }) => finishedAt !== null).map(({ runId }) => runId);
    await client.query('UPDATE rivulet.collection_runs SET is_told = true WHERE run_id = ANY ($1)', [over]);
    for (const runId of over) told.delete(runId);
    this.told = told;
  }
}
