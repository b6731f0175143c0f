import { FieldReader, patterns } from '../json/field-reader';
import type { Column } from '../manifest/table-schema';
import { readAnswer, readQuery, type CollectionQuery } from './collection-fields';

/** Central's request for rows of a device. */
export interface CollectionTask extends CollectionQuery {
  /** ULID. Everything that is sent for the task names it. */
  runId: string;
  /** One where the query has `?`, otherwise none. */
  watermark: CollectionWatermark[];
  /** Of a mirror: the checksum of what central has committed of the device. A device that has kept those rows sends edits. */
  base?: string;
  /** Of a scheduled snapshot: the job and its time, ISO 8601. A device that has read the rows at that time sends these. */
  jobId?: string;
  scheduledFor?: string;
}

export interface CollectionWatermark {
  column: string;
  /** The highest value that is committed at central, as PostgreSQL prints it; missing before the first run. */
  after?: string;
  /** How far below it the query begins: seconds for a time, units for a number. */
  overlap: number;
}

export interface CollectionTasks {
  tasks: CollectionTask[];
  /** When to ask again if nothing happens before. */
  pollAfterSeconds: number;
  /** The time at central, ISO 8601. A central of before does not say it. */
  now?: string;
  /** A signed CollectionSchedule, where it differs from the one that the device has. */
  schedule?: string;
}

/** A device's offer for a task: canonical rows, cut into chunks as those of a snapshot. */
export interface CollectionOffer {
  /** Those of the key first. */
  columns: Column[];
  rows: number;
  bytes: number;
  /** The SHA-256 of each chunk, in order, one behind the other, as base64. */
  digests: string;
  /** See tableChecksum; the fingerprint is of the schema's name, the columns and the key. */
  checksum: string;
}

/** An offer of what differs from rows that central has committed: its digests are those of the new chunks alone. */
export interface ShortCollectionOffer extends CollectionOffer {
  /** The checksum of those rows. */
  base: string;
  /** Where chunks of the base are replaced: see formatChunkSpans. */
  spans: string;
}

/** The chunks of an offer that central lacks. */
export interface CollectionDemand {
  /** Ranges of positions as of frames: `0-99,120-120`; empty when everything is there. */
  missing: string;
  /** How many are missing: an answer may not name them all. */
  missingChunks: number;
  /** When the rows of the task are committed already. */
  receipt?: string;
}

/** Signed by central: these rows are committed. */
export interface CollectionReceipt {
  runId: string;
  deviceId: string;
  name: string;
  checksum: string;
  rows: number;
  bytes: number;
  committedAt: string;
}

export const COLLECTION_RECEIPT_TYPE = 'rivulet-collection-receipt';

/** The largest body of frames that central takes at once. */
export const COLLECTION_BATCH_BYTES = 768 * 1024;
/** The largest row that is collected, LF included: its frame must fit in a body of a mebibyte. */
export const COLLECTION_ROW_MAX_BYTES = 1_000_000;
/** The most chunks of one offer: about 1.2 GiB of rows. */
export const COLLECTION_MAX_CHUNKS = 20_000;

/** Of the base: chunks that one new chunk may be made of, and bytes of rows that one call may have central read. */
export const COLLECTION_EDIT_BASE_CHUNKS = 16;
export const COLLECTION_EDIT_BASE_BYTES = 16 * 1024 * 1024;

const TASKS_MAX = 16;

/** @throws RivuletError CENTRAL_RESPONSE_INVALID */
export function parseCollectionTasks(body: unknown): CollectionTasks {
  return readAnswer(() => {
    const reader = new FieldReader(body, '');
    const now = reader.optionalText('now', patterns.timestamp, 'a moment');
    const schedule = reader.optionalText('schedule', /^[\w.-]+$/, 'a compact JWS');
    return {
      tasks: reader.list('tasks', TASKS_MAX, readTask),
      pollAfterSeconds: reader.count('pollAfterSeconds'),
      ...(now !== undefined && { now }),
      ...(schedule !== undefined && { schedule }),
    };
  });
}

/** @throws RivuletError CENTRAL_RESPONSE_INVALID */
export function parseCollectionDemand(body: unknown): CollectionDemand {
  return readAnswer(() => {
    const reader = new FieldReader(body, '');
    const receipt = reader.optionalText('receipt', /^[\w.-]+$/, 'a compact JWS');
    return {
      missing: reader.text('missing', /^[\d,-]*$/, 'ranges'),
      missingChunks: reader.count('missingChunks'),
      ...(receipt !== undefined && { receipt }),
    };
  });
}

/** @throws RivuletError CENTRAL_RESPONSE_INVALID */
export function parseCollectionReceipt(json: string): CollectionReceipt {
  return readAnswer(() => {
    const reader = new FieldReader(JSON.parse(json), '');
    return {
      runId: reader.text('runId', patterns.ulid, 'a ULID'),
      deviceId: reader.text('deviceId', patterns.ulid, 'a ULID'),
      name: reader.text('name'),
      checksum: reader.text('checksum', patterns.sha256, 'a SHA-256 in hex'),
      rows: reader.count('rows'),
      bytes: reader.count('bytes'),
      committedAt: reader.text('committedAt', patterns.timestamp, 'a moment'),
    };
  });
}

function readTask(item: unknown, path: string): CollectionTask {
  const reader = new FieldReader(item, path);
  const base = reader.optionalText('base', patterns.sha256, 'a SHA-256 in hex');
  const jobId = reader.optionalText('jobId', patterns.ulid, 'a ULID');
  const scheduledFor = reader.optionalText('scheduledFor', patterns.timestamp, 'a moment');
  return {
    runId: reader.text('runId', patterns.ulid, 'a ULID'),
    ...readQuery(reader),
    watermark: reader.list('watermark', 1, readWatermark),
    ...(base !== undefined && { base }),
    ...(jobId !== undefined && { jobId }),
    ...(scheduledFor !== undefined && { scheduledFor }),
  };
}

function readWatermark(item: unknown, path: string): CollectionWatermark {
  const reader = new FieldReader(item, path);
  const after = reader.optionalText('after', /^[^\0]{1,200}$/, 'a value');
  const column = reader.text('column', /^[^\0]+$/, 'a name');
  return { column, overlap: reader.count('overlap'), ...(after !== undefined && { after }) };
}
