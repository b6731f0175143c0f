import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  COLLECTION_SCHEDULE_MAX_JOBS,
  COLLECTION_SCHEDULE_MAX_LENGTH,
  COLLECTION_SCHEDULE_TYPE,
  type CollectionSchedule,
  type ScheduledCollection,
} from '@rivulet/protocol';
import { DeviceList } from '../../devices/registry/device-list';
import { SigningKey } from '../../signing/signing-key';
import { CollectionDatabase } from '../collection-database';
import type { RunOrder } from '../runs/collection-run';
import { revisionOf } from './revision';

interface ScheduledJob {
  jobId: string;
  cron: string;
  timeZone: string;
  jitterSeconds: number;
  labels: Record<string, string> | null;
  schemaId: string;
  order: RunOrder;
}

/**
 * Jobs that devices keep by themselves: each run of a snapshot has the rows of its moment, which a later run does not bring
 * back. The lists of networks are looked up by their index, and not read.
 */
const selectJobs = `
SELECT job_id AS "jobId", cron, time_zone AS "timeZone", jitter_seconds AS "jitterSeconds", labels,
       schema_id AS "schemaId",
       json_build_object('name', schema.name, 'sqlCommand', sql_command, 'targetTable', target_table, 'mode', mode,
                         'key', key) AS "order"
FROM (
  SELECT job_id FROM rivulet.collection_jobs WHERE network_ids @> ARRAY[$1]
  UNION ALL SELECT job_id FROM rivulet.collection_jobs WHERE labels IS NOT NULL) AS wanted
JOIN rivulet.collection_jobs AS job USING (job_id) JOIN rivulet.collection_schemas AS schema USING (schema_id)
WHERE enabled AND cron IS NOT NULL AND misfire = 'run_once' AND mode = 'snapshot'
  AND NOT EXISTS (SELECT FROM rivulet.collection_holds AS held WHERE held.job_id = job.job_id AND device_id = $1)
ORDER BY job_id`;

/** What a device is to keep while central is away. */
@Injectable()
export class KeptSchedule {
  constructor(
    private readonly database: CollectionDatabase,
    private readonly devices: DeviceList,
    private readonly signingKey: SigningKey,
  ) {}

  /**
   * @param known - SHA-256 of the JSON of the schedule that the device has
   * @returns the signed schedule, where it is a different one
   */
  async ifChanged(deviceId: string, known: string): Promise<string | undefined> {
    const json = JSON.stringify(withinLimits(deviceId, await this.jobsOf(deviceId)));
    if (hash('sha256', json) === known) return undefined;
    return this.signingKey.sign(COLLECTION_SCHEDULE_TYPE, json);
  }

  private async jobsOf(deviceId: string): Promise<ScheduledCollection[]> {
    const jobs = await this.database.rows<ScheduledJob>(selectJobs, [deviceId]);
    if (jobs.length === 0) return [];
    const own = await this.devices.activeLabels(deviceId);
    if (own === undefined) return [];
    return jobs
      .filter(({ labels }) => Object.entries(labels ?? {}).every(([name, value]) => own[name] === value))
      .map(({ jobId, cron, timeZone, jitterSeconds, schemaId, order }) => {
        const { name, sqlCommand: query, mode, key } = order;
        const revision = revisionOf(schemaId, order);
        return { jobId, revision, cron, timeZone, jitterSeconds, name, query, mode, key };
      });
  }
}

/** The first jobs that there is room for. */
function withinLimits(deviceId: string, all: ScheduledCollection[]): CollectionSchedule {
  const jobs: ScheduledCollection[] = [];
  let length = 0;
  for (const job of all) {
    length += JSON.stringify(job).length;
    if (jobs.length === COLLECTION_SCHEDULE_MAX_JOBS || length > COLLECTION_SCHEDULE_MAX_LENGTH) break;
    jobs.push(job);
  }
  return { deviceId, jobs, leftOut: all.length - jobs.length };
}
