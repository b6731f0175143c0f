import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ConfigurationsMetrics } from '../configurations.metrics';

export const reportStatuses = ['APPLYING', 'APPLIED', 'FAILED'] as const;
export type ReportStatus = (typeof reportStatuses)[number];

/** A device's report about a version. */
export interface ConfigurationReport {
  name: string;
  version: number;
  /** The sequence of the reported statement; missing where the device does not read statements. */
  sequence?: number | undefined;
  status: ReportStatus;
  reason?: string | undefined;
  /** The version that its workers run now. */
  inForce?: { version: number; sha256: string } | undefined;
}

/** One device's state for a configuration. */
export interface ConfigurationOfDevice {
  deviceId: string;
  deviceName: string;
  sentVersion: number | null;
  sentAt: Date | null;
  status: ReportStatus | null;
  reportedVersion: number | null;
  reason: string | null;
  reportedAt: Date | null;
  appliedAt: Date | null;
  inForceVersion: number | null;
  inForceSha256: string | null;
}

/** Reports of devices about their configurations. */
@Injectable()
export class DeviceReports {
  constructor(
    private readonly database: DataSource,
    private readonly metrics: ConfigurationsMetrics,
  ) {}

  /** @returns false for a report that is older than the last one, which changes nothing */
  async take(deviceId: string, report: ConfigurationReport): Promise<boolean> {
    const { name, version, sequence, status, reason, inForce } = report;
    const taken = await this.database.query<object[]>(noteReport, [
      name,
      deviceId,
      status,
      version,
      sequence ?? null,
      reason ?? null,
      inForce?.version ?? null,
      inForce?.sha256 ?? null,
    ]);
    this.metrics.reports.inc({ status });
    return taken.length > 0;
  }

  /** Whether its workers run this very content. */
  async hasApplied(
    deviceId: string,
    { name, version, sha256 }: { name: string; version: number; sha256: string },
  ): Promise<boolean> {
    const found = await this.database.query<object[]>(
      `SELECT 1 FROM rivulet.configuration_devices WHERE name = $1 AND device_id = $2 AND status = 'APPLIED'
         AND reported_version = $3 AND in_force_version = $3 AND in_force_sha256 = $4`,
      [name, deviceId, version, sha256],
    );
    return found.length > 0;
  }

  /** The answer to what it was sent under this number; nothing where it was sent something else since. */
  async takeAnswer(deviceId: string, name: string, sequence: number, failure?: string): Promise<void> {
    const [inForce] = await this.database.query<{ version: number; sha256: string }[]>(
      `SELECT version, sha256 FROM rivulet.configuration_devices
       WHERE name = $1 AND device_id = $2 AND sequence = $3 AND version IS NOT NULL`,
      [name, deviceId, sequence],
    );
    if (inForce === undefined) return;
    const { version } = inForce;
    if (failure === undefined)
      await this.take(deviceId, { name, version, sequence, status: 'APPLIED', inForce });
    else await this.take(deviceId, { name, version, sequence, status: 'FAILED', reason: failure });
  }

  /** By device, after the given one. */
  async list(
    name: string,
    {
      status,
      after,
      limit,
    }: { status?: ReportStatus | undefined; after?: string | undefined; limit: number },
  ): Promise<ConfigurationOfDevice[]> {
    return this.database.query(listDevices, [name, status ?? null, after ?? '', limit]);
  }
}

/** Reports may overtake each other: one about an earlier sequence than the last changes nothing. */
const noteReport = `
INSERT INTO rivulet.configuration_devices AS device
  (name, device_id, status, reported_version, reported_sequence, reason, in_force_version, in_force_sha256,
   reported_at, applied_at)
SELECT $1, $2, $3, $4, coalesce($5::bigint, 0), $6, $7, $8, now(), CASE WHEN $3 = 'APPLIED' THEN now() END
WHERE EXISTS (SELECT FROM rivulet.configurations WHERE name = $1)
  AND EXISTS (SELECT FROM rivulet.devices WHERE device_id = $2)
ON CONFLICT (name, device_id) DO UPDATE SET
  applied_at = CASE WHEN excluded.status <> 'APPLIED' THEN NULL
    WHEN device.status = 'APPLIED' AND device.reported_version = excluded.reported_version THEN device.applied_at
    ELSE excluded.applied_at END,
  status = excluded.status, reported_version = excluded.reported_version,
  reported_sequence = greatest(device.reported_sequence, excluded.reported_sequence),
  reason = excluded.reason, reported_at = excluded.reported_at,
  in_force_version = coalesce(excluded.in_force_version, device.in_force_version),
  in_force_sha256 = coalesce(excluded.in_force_sha256, device.in_force_sha256)
WHERE $5::bigint IS NULL OR device.reported_sequence <= $5
RETURNING 1`;

/** By the primary key. */
const listDevices = `
SELECT device_id AS "deviceId", devices.name AS "deviceName", configured.version AS "sentVersion",
  sent_at AS "sentAt", configured.status, reported_version AS "reportedVersion", reason, reported_at AS "reportedAt",
  applied_at AS "appliedAt", in_force_version AS "inForceVersion", in_force_sha256 AS "inForceSha256"
FROM rivulet.configuration_devices AS configured JOIN rivulet.devices USING (device_id)
WHERE configured.name = $1 AND ($2::text IS NULL OR configured.status = $2) AND device_id > $3
ORDER BY device_id LIMIT $4`;
