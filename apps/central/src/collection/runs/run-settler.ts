import { Injectable, Logger } from '@nestjs/common';
import { namedError } from '@rivulet/platform';
import { CollectionDatabase, statementsOf, type Statements } from '../collection-database';
import { selectTotals } from './run-totals';

/** By the partial index of open tasks. */
const hasOpenTasks = (runId: string): string =>
  `EXISTS (SELECT FROM rivulet.collection_tasks AS open WHERE open.run_id = ${runId} AND open.state IN ('waiting', 'active'))`;

/**
 * Ends runs whose networks are all done. In a transaction after that of the network, so that networks that end at once do not
 * wait for each other: the last one to commit finds that none is left.
 */
@Injectable()
export class RunSettler {
  private readonly logger = new Logger('Collection');

  constructor(private readonly database: CollectionDatabase) {}

  /** After a network is done. Does not fail: what is not settled here is settled by the next {@link settleAll}. */
  async settle(runId: string): Promise<void> {
    try {
      const [done] = await this.database.rows<{ jobId: string }>(
        `SELECT job_id AS "jobId" FROM rivulet.collection_runs AS run
         WHERE run_id = $1 AND state IN ('queued', 'running') AND NOT ${hasOpenTasks('run.run_id')}`,
        [runId],
      );
      if (done !== undefined) await this.end(done.jobId, runId);
    } catch (error) {
      const { code, message } = namedError(error);
      this.logger.debug({ runId, code }, `A run was not settled at once: ${message}`);
    }
  }

  /** Settles tasks that a central left when it died after a commit. */
  async settleAll(): Promise<void> {
    const done = await this.database.rows<{ jobId: string; runId: string }>(
      `SELECT job_id AS "jobId", run_id AS "runId" FROM rivulet.collection_runs AS run
       WHERE state IN ('queued', 'running') AND NOT ${hasOpenTasks('run.run_id')}`,
    );
    for (const { jobId, runId } of done) await this.end(jobId, runId);
  }

  private async end(jobId: string, runId: string): Promise<void> {
    await this.database.transaction(async (client) => {
      const statements = statementsOf(client);
      await lockJob(statements, jobId);
      const ended = await statements.rows(
        `UPDATE rivulet.collection_runs SET finished_at = clock_timestamp(), totals = done.totals,
           state = CASE WHEN totals_of.succeeded = 0 THEN 'failed'
                        WHEN totals_of.failed > 0 THEN 'partial' ELSE 'succeeded' END
         FROM (SELECT ${selectTotals('$1')} AS totals) AS done
         CROSS JOIN LATERAL (
           SELECT (done.totals ->> 'succeeded')::int AS succeeded,
                  (done.totals ->> 'failed')::int + (done.totals ->> 'cancelled')::int AS failed) AS totals_of
         WHERE run_id = $1 AND state IN ('queued', 'running') AND NOT ${hasOpenTasks('$1')} RETURNING run_id`,
        [runId],
      );
      if (ended.length > 0) await startQueued(statements, jobId);
    });
  }
}

/** Runs of one job begin, end and follow each other one at a time. Taken before any of their rows is locked. */
export async function lockJob(statements: Statements, jobId: string): Promise<void> {
  await statements.rows("SELECT pg_advisory_xact_lock(hashtextextended('rivulet run ' || $1, 0))", [jobId]);
}

/** The oldest run that waits, if no other of its job is running. The job is locked. */
export async function startQueued(statements: Statements, jobId: string): Promise<void> {
  await statements.rows(
    `UPDATE rivulet.collection_runs SET state = 'running', started_at = clock_timestamp()
     WHERE run_id = (SELECT run_id FROM rivulet.collection_runs WHERE job_id = $1 AND state = 'queued'
                     ORDER BY run_id LIMIT 1)
       AND state = 'queued'
       AND NOT EXISTS (SELECT FROM rivulet.collection_runs WHERE job_id = $1 AND state = 'running' AND NOT is_kept)`,
    [jobId],
  );
}
