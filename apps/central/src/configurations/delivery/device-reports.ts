import { Injectable } from '@nestjs/common';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { ConfigurationsMetrics } from '../configurations.metrics';
import { distinctRounds } from './distinct-rounds';

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

type ReportOfDevice = Omit<ConfigurationReport, 'inForce'> & {
  deviceId: string;
  inForceVersion?: number | undefined;
  inForceSha256?: string | undefined;
};

interface AskedContent {
  name: string;
  deviceId: string;
}

interface KnownContent extends AskedContent {
  /** Its last sent statement. */
  sequence: number;
  version: number | null;
  sha256: string | null;
  /** The content that its workers run, where it has reported that as applied. */
  appliedVersion: number | null;
  appliedSha256: string | null;
}

/** Devices that are read or written in one statement. */
const DEVICES_AT_ONCE = 500;
const batches = { maxItems: DEVICES_AT_ONCE, isOfAll: isDatabaseUnavailable };

/** Reports of devices about their configurations. */
@Injectable()
export class DeviceReports {
  private readonly entering = new Batched((reports: ReportOfDevice[]) => this.enterAll(reports), batches);
  private readonly finding = new Batched((asked: AskedContent[]) => this.findAll(asked), batches);

  constructor(
    private readonly database: DataSource,
    private readonly metrics: ConfigurationsMetrics,
  ) {}

  /** @returns false for a report that is older than the last one, which changes nothing */
  async take(deviceId: string, report: ConfigurationReport): Promise<boolean> {
    const { inForce, ...said } = report;
    const inForceOf = { inForceVersion: inForce?.version, inForceSha256: inForce?.sha256 };
    const isTaken = await this.entering.run({ deviceId, ...said, ...inForceOf });
    this.metrics.reports.inc({ status: report.status });
    return isTaken;
  }

  /** Whether its workers run this very content. */
  async hasApplied(
    deviceId: string,
    { name, version, sha256 }: { name: string; version: number; sha256: string },
  ): Promise<boolean> {
    const known = await this.finding.run({ name, deviceId });
    return known?.appliedVersion === version && known.appliedSha256 === sha256;
  }

  /** The answer to what it was sent under this number; nothing where it was sent something else since. */
  async takeAnswer(deviceId: string, name: string, sequence: number, failure?: string): Promise<void> {
    const known = await this.finding.run({ name, deviceId });
    if (known?.sequence !== sequence || known.version === null || known.sha256 === null) return;
    const { version, sha256 } = known;
    if (failure === undefined)
      await this.take(deviceId, { name, version, sequence, status: 'APPLIED', inForce: { version, sha256 } });
    else await this.take(deviceId, { name, version, sequence, status: 'FAILED', reason: failure });
  }

  private async enterAll(reports: ReportOfDevice[]): Promise<boolean[]> {
    const taken = new Set<ReportOfDevice>();
    for (const round of distinctRounds(reports, keyOf))
      for (const isNumbered of [true, false]) {
        const some = round.filter(({ sequence }) => (sequence !== undefined) === isNumbered);
        if (some.length === 0) continue;
        const rows = await this.database.query<AskedContent[]>(noteReports, [...columnsOf(some), isNumbered]);
        const keys = new Set(rows.map(keyOf));
        for (const report of some) if (keys.has(keyOf(report))) taken.add(report);
      }
    return reports.map((report) => taken.has(report));
  }

  private async findAll(asked: AskedContent[]): Promise<(KnownContent | undefined)[]> {
    const rows = await this.database.query<KnownContent[]>(readContents, [
      asked.map(({ name }) => name),
      asked.map(({ deviceId }) => deviceId),
    ]);
    const byKey = new Map(rows.map((row) => [keyOf(row), row]));
    return asked.map((one) => byKey.get(keyOf(one)));
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

function keyOf({ name, deviceId }: AskedContent): string {
  return `${name}\n${deviceId}`;
}

/** In the order of the places in {@link noteReports}. */
function columnsOf(reports: ReportOfDevice[]): unknown[][] {
  const column = <T>(read: (report: ReportOfDevice) => T): T[] => reports.map(read);
  return [
    column(({ name }) => name),
    column(({ deviceId }) => deviceId),
    column(({ status }) => status),
    column(({ version }) => version),
    column(({ sequence = 0 }) => sequence),
    column(({ reason = null }) => reason),
    column(({ inForceVersion = null }) => inForceVersion),
    column(({ inForceSha256 = null }) => inForceSha256),
  ];
}

/**
 * Reports may overtake each other: one about an earlier sequence than the last changes nothing. In the order of the
 * devices, so that two processes that write the same ones do not lock each other.
 */
const noteReports = `
INSERT INTO rivulet.configuration_devices AS device
  (name, device_id, status, reported_version, reported_sequence, reason, in_force_version, in_force_sha256,
   reported_at, applied_at)
SELECT said.name, device_id, said.status, said.version, sequence, reason, in_force_version, in_force_sha256, now(),
  CASE WHEN said.status = 'APPLIED' THEN now() END
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::integer[], $8::text[])
  AS said (name, device_id, status, version, sequence, reason, in_force_version, in_force_sha256)
JOIN rivulet.devices USING (device_id)
JOIN rivulet.configurations ON configurations.name = said.name
ORDER BY device_id
ON CONFLICT (name, device_id) DO UPDATE SET
  applied_at = CASE WHEN excluded.status <> 'APPLIED' THEN NULL
    WHEN device.status = 'APPLIED' AND device.reported_version = excluded.reported_version THEN device.applied_at
    ELSE excluded.applied_at END,
  status = excluded.status, reported_version = excluded.reported_version,
  reported_sequence = greatest(device.reported_sequence, excluded.reported_sequence),
  reason = excluded.reason, reported_at = excluded.reported_at,
  in_force_version = coalesce(excluded.in_force_version, device.in_force_version),
  in_force_sha256 = coalesce(excluded.in_force_sha256, device.in_force_sha256)
WHERE NOT $9::boolean OR device.reported_sequence <= excluded.reported_sequence
RETURNING name, device_id AS "deviceId"`;

/** By the primary key. */
const readContents = `
SELECT name, device_id AS "deviceId", sequence::float8 AS sequence, version, sha256,
  CASE WHEN status = 'APPLIED' AND reported_version = in_force_version THEN in_force_version END AS "appliedVersion",
  CASE WHEN status = 'APPLIED' AND reported_version = in_force_version THEN in_force_sha256 END AS "appliedSha256"
FROM unnest($1::text[], $2::text[]) AS _ (name, device_id) JOIN rivulet.configuration_devices USING (name, device_id)`;

/** By the primary key. */
const listDevices = `
SELECT device_id AS "deviceId", devices.name AS "deviceName", configured.version AS "sentVersion",
  sent_at AS "sentAt", configured.status, reported_version AS "reportedVersion", reason, reported_at AS "reportedAt",
  applied_at AS "appliedAt", in_force_version AS "inForceVersion", in_force_sha256 AS "inForceSha256"
FROM rivulet.configuration_devices AS configured JOIN rivulet.devices USING (device_id)
WHERE configured.name = $1 AND ($2::text IS NULL OR configured.status = $2) AND device_id > $3
ORDER BY device_id LIMIT $4`;
