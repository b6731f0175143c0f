import { FieldReader, patterns } from '../json/field-reader';
import { readAnswer, readQuery, type CollectionQuery } from './collection-fields';

/** A job whose times a device keeps by itself while central is away. */
export interface ScheduledCollection extends CollectionQuery {
  jobId: string;
  /** What is collected, as of central: rows that were read by another revision are not wanted. */
  revision: string;
  cron: string;
  timeZone: string;
  /** A run begins up to so much late, at random. */
  jitterSeconds: number;
}

/** Signed by central: the jobs of one device whose rows are those of the moment. */
export interface CollectionSchedule {
  /** The device that it is for. */
  deviceId: string;
  jobs: ScheduledCollection[];
  /** Jobs that the limits of a schedule have no room for. */
  leftOut: number;
}

/** Rows that a device has read at a scheduled time while central was away. */
export interface KeptCollection {
  jobId: string;
  revision: string;
  /** The time of the schedule, ISO 8601. */
  scheduledFor: string;
  /** When they were read, by central's clock as the device knows it. */
  collectedAt: string;
  /** Of the rows. */
  checksum: string;
}

export const COLLECTION_SCHEDULE_TYPE = 'rivulet-collection-schedule';

/** The most jobs of one schedule, and the length of its JSON. */
export const COLLECTION_SCHEDULE_MAX_JOBS = 64;
export const COLLECTION_SCHEDULE_MAX_LENGTH = 256 * 1024;

/** @throws RivuletError CENTRAL_RESPONSE_INVALID */
export function parseCollectionSchedule(json: string): CollectionSchedule {
  return readAnswer(() => {
    const reader = new FieldReader(JSON.parse(json), '');
    return {
      deviceId: reader.text('deviceId', patterns.ulid, 'a ULID'),
      jobs: reader.list('jobs', COLLECTION_SCHEDULE_MAX_JOBS, readJob),
      leftOut: reader.count('leftOut'),
    };
  });
}

/** The ID of the run that kept rows are for. @throws RivuletError CENTRAL_RESPONSE_INVALID */
export function parseKeptAnswer(body: unknown): string {
  return readAnswer(() => new FieldReader(body, '').text('runId', patterns.ulid, 'a ULID'));
}

function readJob(item: unknown, path: string): ScheduledCollection {
  const reader = new FieldReader(item, path);
  return {
    jobId: reader.text('jobId', patterns.ulid, 'a ULID'),
    revision: reader.text('revision', patterns.sha256, 'a SHA-256 in hex'),
    cron: reader.text('cron', /^[^\0]{1,200}$/, 'a cron expression'),
    timeZone: reader.text('timeZone', /^[^\0]{1,100}$/, 'a time zone'),
    jitterSeconds: reader.count('jitterSeconds'),
    ...readQuery(reader),
  };
}
