import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { OwnTables } from '@rivulet/platform';
import { hasSqlState, sqlState } from '@rivulet/postgres';
import { monotonicFactory } from 'ulid';
import { nextSlot, type CollectionJob, type HeldNetwork, type NewJob } from './collection-job';

export const jobColumns = `
  job_id AS "jobId", name, schema_id AS "schemaId", network_ids AS "networkIds", labels, cron, time_zone AS "timeZone",
  overlap, misfire, jitter_seconds AS "jitterSeconds", deadline_seconds AS "deadlineSeconds",
  max_parallel AS "maxParallel", enabled, next_run_at AS "nextRunAt", skipped::float8 AS skipped,
  created_at AS "createdAt", updated_at AS "updatedAt"`;

const HELD_SHOWN = 100;

@Injectable()
export class JobStore {
  private readonly nextUlid = monotonicFactory();

  constructor(private readonly tables: OwnTables) {}

  /** By name. */
  async list(limit: number): Promise<CollectionJob[]> {
    return this.tables.rows<CollectionJob>(
      `SELECT ${jobColumns} FROM rivulet.collection_jobs ORDER BY name COLLATE "C", job_id LIMIT $1`,
      [limit],
    );
  }

  /** @throws RivuletError COLLECTION_JOB_UNKNOWN */
  async get(jobId: string): Promise<CollectionJob> {
    const [found] = await this.tables.rows<CollectionJob>(
      `SELECT ${jobColumns} FROM rivulet.collection_jobs WHERE job_id = $1`,
      [jobId],
    );
    return found ?? unknown(jobId);
  }

  /** The first held networks of each job. */
  async heldNetworks(jobIds: string[]): Promise<(HeldNetwork & { jobId: string })[]> {
    return this.tables.rows<HeldNetwork & { jobId: string }>(
      `SELECT held.* FROM unnest($1::text[]) AS job (id) CROSS JOIN LATERAL (
         SELECT job_id AS "jobId", device_id AS "networkId", error_code AS code, error_message AS message, held_at AS since
         FROM rivulet.collection_holds WHERE job_id = job.id ORDER BY held_at, device_id LIMIT ${HELD_SHOWN}) AS held`,
      [jobIds],
    );
  }

  /** @throws RivuletError COLLECTION_SCHEMA_UNKNOWN */
  async create(job: NewJob): Promise<CollectionJob> {
    const [created] = await this.write(
      `INSERT INTO rivulet.collection_jobs (job_id, name, schema_id, network_ids, labels, cron, time_zone, overlap,
         misfire, jitter_seconds, deadline_seconds, max_parallel, enabled, next_slot_at, next_run_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) RETURNING ${jobColumns}`,
      this.nextUlid(),
      job,
    );
    return created!;
  }

  /** Networks that were held are tried again. @throws RivuletError COLLECTION_JOB_UNKNOWN · COLLECTION_SCHEMA_UNKNOWN */
  async replace(jobId: string, job: NewJob): Promise<CollectionJob> {
    const [changed] = await this.write(
      `WITH freed AS (DELETE FROM rivulet.collection_holds WHERE job_id = $1)
       UPDATE rivulet.collection_jobs SET name = $2, schema_id = $3, network_ids = $4, labels = $5, cron = $6,
         time_zone = $7, overlap = $8, misfire = $9, jitter_seconds = $10, deadline_seconds = $11, max_parallel = $12,
         enabled = $13, next_slot_at = $14, next_run_at = $14, updated_at = now()
       WHERE job_id = $1 RETURNING ${jobColumns}`,
      jobId,
      job,
    );
    return changed ?? unknown(jobId);
  }

  /** Its runs stay, and those that are not over go on. @throws RivuletError COLLECTION_JOB_UNKNOWN */
  async remove(jobId: string): Promise<void> {
    const removed = await this.tables.rows(
      'DELETE FROM rivulet.collection_jobs WHERE job_id = $1 RETURNING job_id',
      [jobId],
    );
    if (removed.length === 0) unknown(jobId);
  }

  private async write(text: string, jobId: string, job: NewJob): Promise<CollectionJob[]> {
    const [{ now }] = (await this.tables.rows<{ now: Date }>('SELECT clock_timestamp() AS now')) as [
      { now: Date },
    ];
    const slot = job.cron === null || !job.enabled ? null : nextSlot(job.cron, job.timeZone, now);
    const values = [
      jobId,
      job.name,
      job.schemaId,
      job.networkIds,
      job.labels && JSON.stringify(job.labels),
      job.cron,
      job.timeZone,
      job.overlap,
      job.misfire,
      job.jitterSeconds,
      job.deadlineSeconds,
      job.maxParallel,
      job.enabled,
      slot,
    ];
    try {
      return await this.tables.rows<CollectionJob>(text, values);
    } catch (error) {
      if (!hasSqlState(error, sqlState.foreignKeyViolation)) throw error;
      throw new RivuletError('COLLECTION_SCHEMA_UNKNOWN', `There is no schema ${job.schemaId}.`, {
        cause: error,
      });
    }
  }
}

function unknown(jobId: string): never {
  throw new RivuletError('COLLECTION_JOB_UNKNOWN', `There is no job ${jobId}.`);
}
