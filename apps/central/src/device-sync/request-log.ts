import { Injectable } from '@nestjs/common';
import { preparedStatement } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { Coalesced } from '@rivulet/platform';

/** The outcome of one `POST /api/device-sync/request` of a known device. */
export interface RequestRecord {
  requestId: string;
  deviceId: string;
  macAddress: string;
  lastManifestId: string | null;
  outcome: 'current' | 'update' | 'failed';
  manifestId: string | null;
  errorCode: string | null;
  receivedAt: Date;
  durationMs: number;
}

type CountedRecord = RequestRecord & { times: number };

/** Writes down what devices asked and were told. Requests that come together share one statement and one commit. */
@Injectable()
export class RequestLog {
  private pending: RequestRecord[] = [];
  private readonly writing = new Coalesced(() => this.write());

  constructor(private readonly database: DataSource) {}

  /** Returns when the record is stored. */
  async add(record: RequestRecord): Promise<void> {
    this.pending.push(record);
    await this.writing.run();
  }

  private async write(): Promise<void> {
    const records = countAlike(this.pending);
    this.pending = [];
    if (records.length === 0) return;
    await this.database.query(insertRecords, [
      records.map((record) => record.requestId),
      records.map((record) => record.deviceId),
      records.map((record) => record.macAddress),
      records.map((record) => record.lastManifestId),
      records.map((record) => record.outcome),
      records.map((record) => record.manifestId),
      records.map((record) => record.errorCode),
      records.map((record) => record.receivedAt),
      records.map((record) => record.durationMs),
      records.map((record) => record.times),
    ]);
  }
}

/** One for all that will share a row, as a statement may touch a row but once. */
function countAlike(records: RequestRecord[]): CountedRecord[] {
  const counted = new Map<unknown, CountedRecord>();
  for (const record of records) {
    const key = record.outcome === 'current' ? JSON.stringify([record.deviceId, record.manifestId]) : record;
    counted.set(key, { ...record, times: (counted.get(key)?.times ?? 0) + 1 });
  }
  return [...counted.values()];
}

const insertRecords = preparedStatement(
  'rivulet requests',
  `
INSERT INTO rivulet.sync_requests AS known
  (request_id, device_id, mac_address, last_manifest_id, outcome, manifest_id, error_code, received_at,
   duration_ms, times_received, last_received_at)
SELECT *, received_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
            $9::int[], $10::int[])
  AS record (request_id, device_id, mac_address, last_manifest_id, outcome, manifest_id, error_code, received_at,
             duration_ms, times_received)
ON CONFLICT (device_id, manifest_id) WHERE outcome = 'current' DO UPDATE SET
  request_id = excluded.request_id, duration_ms = excluded.duration_ms,
  last_received_at = excluded.last_received_at, times_received = known.times_received + excluded.times_received`,
);
