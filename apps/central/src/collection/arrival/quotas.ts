import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { CollectionDatabase, relaxedCommit, type Statements } from '../collection-database';
import { CollectionEnv } from '../collection.env';
import { CollectionMetrics } from '../collection.metrics';

/** Scheduled runs that one network may bring a day after it has been away: one a minute for longer than a day. */
const KEPT_RUNS_A_DAY = 2_000;

interface SentChunks {
  runId: string;
  deviceId: string;
  rows: number;
  /** That count for the quota. */
  bytes: number;
  sentBytes: number;
}

const SECONDS_LEFT = `ceil(extract(epoch FROM date_trunc('day', now(), 'UTC') + interval '1 day' - now()))::int AS "secondsLeft"`;

interface Usage {
  rows: number;
  bytes: number;
  secondsLeft: number;
}

/** How much one network may send a day, by UTC. What is under way when it is used up is taken, one batch at most. */
@Injectable()
export class Quotas {
  constructor(
    private readonly database: CollectionDatabase,
    private readonly env: CollectionEnv,
    private readonly metrics: CollectionMetrics,
  ) {}

  /** @throws RivuletError COLLECTION_QUOTA_EXCEEDED */
  async check(deviceId: string): Promise<void> {
    const [usage] = await this.database.rows<Usage>(
      `SELECT coalesce(sum(rows), 0)::float8 AS rows, coalesce(sum(bytes), 0)::float8 AS bytes,
              ${SECONDS_LEFT}
       FROM rivulet.collection_usage WHERE device_id = $1 AND day = (now() AT TIME ZONE 'UTC')::date`,
      [deviceId],
    );
    const { rowsADay, bytesADay } = this.env;
    const { rows, bytes, secondsLeft } = usage!;
    if (rows < rowsADay && bytes < bytesADay) return;
    throw this.exceeded(
      `The network has sent ${rows} rows and ${bytes} bytes today; ${rowsADay} rows and ${bytesADay} bytes are accepted.`,
      secondsLeft,
    );
  }

  /** @throws RivuletError COLLECTION_QUOTA_EXCEEDED */
  async countKept(statements: Statements, deviceId: string): Promise<void> {
    const [usage] = await statements.rows<{ kept: number; secondsLeft: number }>(
      `INSERT INTO rivulet.collection_usage AS known (device_id, day, kept)
       VALUES ($1, (now() AT TIME ZONE 'UTC')::date, 1)
       ON CONFLICT (device_id, day) DO UPDATE SET kept = known.kept + 1 RETURNING kept, ${SECONDS_LEFT}`,
      [deviceId],
    );
    if (usage!.kept <= KEPT_RUNS_A_DAY) return;
    throw this.exceeded(
      `The network has brought ${KEPT_RUNS_A_DAY} runs today that it had kept.`,
      usage!.secondsLeft,
    );
  }

  private exceeded(message: string, secondsLeft: number): RivuletError {
    this.metrics.refusals.inc({ code: 'COLLECTION_QUOTA_EXCEEDED' });
    const retryAfterSeconds = Math.max(1, secondsLeft);
    return new RivuletError('COLLECTION_QUOTA_EXCEEDED', message, { retryAfterSeconds });
  }

  async add(deviceId: string, rows: number, bytes: number): Promise<void> {
    await this.database.rows(
      `INSERT INTO rivulet.collection_usage AS known (device_id, day, rows, bytes)
       VALUES ($1, (now() AT TIME ZONE 'UTC')::date, $2, $3)
       ON CONFLICT (device_id, day) DO UPDATE SET rows = known.rows + $2, bytes = known.bytes + $3`,
      [deviceId, rows, bytes],
    );
  }

  /** Counts chunks, for the run as well. A crash of PostgreSQL may lose it, as it loses what was sent. */
  async addChunks({ runId, deviceId, rows, bytes, sentBytes }: SentChunks): Promise<void> {
    await this.database.rows(
      `WITH relaxed AS MATERIALIZED (${relaxedCommit}), counted AS (
         INSERT INTO rivulet.collection_usage AS known (device_id, day, rows, bytes)
         VALUES ($2, (now() AT TIME ZONE 'UTC')::date, $3, $4)
         ON CONFLICT (device_id, day) DO UPDATE SET rows = known.rows + $3, bytes = known.bytes + $4)
       UPDATE rivulet.collection_tasks SET sent_bytes = sent_bytes + $5 FROM relaxed
       WHERE run_id = $1 AND device_id = $2`,
      [runId, deviceId, rows, bytes, sentBytes],
    );
  }
}
