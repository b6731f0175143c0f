import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { namedError } from '@rivulet/platform';
import { CollectionDatabase } from '../collection-database';
import { CollectionEnv } from '../collection.env';

const EVERY_MS = 600_000;
const RUNS_AT_ONCE = 1_000;
/** An agent does not repeat a message for longer. */
const MESSAGES_KEPT = '30 days';
const USAGE_KEPT = '90 days';

/** Removes what nobody asks for any more: old runs, chunks of runs that are over, IDs of old messages. */
@Injectable()
export class RunCleaner {
  private readonly logger = new Logger('Collection');

  constructor(
    private readonly database: CollectionDatabase,
    private readonly env: CollectionEnv,
  ) {}

  @Interval('collection cleaning', EVERY_MS)
  async cleanInBackground(): Promise<void> {
    try {
      await this.clean();
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.warn({ code }, `Old runs were not removed: ${message}`);
    }
  }

  async clean(): Promise<void> {
    let removed: object[];
    do {
      removed = await this.database.rows(
        `DELETE FROM rivulet.collection_runs WHERE run_id IN (
           SELECT run_id FROM rivulet.collection_runs
           WHERE finished_at < clock_timestamp() - $1 * interval '1 ms' LIMIT ${RUNS_AT_ONCE}) RETURNING run_id`,
        [this.env.retentionMs],
      );
    } while (removed.length === RUNS_AT_ONCE);
    await this.database.rows(
      `DELETE FROM rivulet.collection_chunks AS chunk WHERE NOT EXISTS (
         SELECT FROM rivulet.collection_tasks AS task
         WHERE task.run_id = chunk.run_id AND task.device_id = chunk.device_id AND task.state = 'active')`,
    );
    // The IDs of messages stay; their rows go with tasks that are over, or were given out again.
    await this.database.rows(
      `UPDATE rivulet.collection_messages AS message SET content = NULL, columns = NULL
       WHERE content IS NOT NULL AND NOT EXISTS (
         SELECT FROM rivulet.collection_tasks AS task
         WHERE task.run_id = message.run_id AND task.device_id = message.device_id AND task.state = 'active'
           AND task.attempts = message.attempt)`,
    );
    await this.database.rows(
      `DELETE FROM rivulet.collection_messages WHERE received_at < now() - interval '${MESSAGES_KEPT}'`,
    );
    await this.database.rows(
      `DELETE FROM rivulet.collection_usage WHERE day < now() - interval '${USAGE_KEPT}'`,
    );
  }
}
