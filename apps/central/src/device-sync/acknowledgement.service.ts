import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Batched, requestInvalid } from '@rivulet/platform';
import { isDatabaseUnavailable, preparedStatement } from '@rivulet/postgres';
import type { Acknowledgement } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import type { Device } from '../devices/device';
import { DeviceRegistry } from '../devices/registry/device-registry';
import { DamagedFrames } from './damaged-frames';
import { DeviceTroubles, tableNamedIn } from './device-troubles';
import { DeviceSyncMetrics } from './device-sync.metrics';
import { SyncOutcomes } from './sync-outcomes';
import { verifyReport } from './verify-report';
import { ManifestService } from './manifests/manifest.service';

export interface AcknowledgementReceipt {
  manifestId: string;
  /** The acknowledgement now on record. */
  status: 'applied' | 'failed';
  /** Whether this manifest had been acknowledged before. */
  repeated: boolean;
}

/** In the order of the columns. */
type ReportRow = (string | number | null)[];

interface Recorded {
  status: 'applied' | 'failed';
  repeated: boolean;
}

/** Reports that are entered in one statement. */
const REPORTS_AT_ONCE = 200;

@Injectable()
export class AcknowledgementService {
  private readonly entering = new Batched((reports: ReportRow[]) => this.enterAll(reports), {
    maxItems: REPORTS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(
    private readonly database: DataSource,
    private readonly manifests: ManifestService,
    private readonly registry: DeviceRegistry,
    private readonly troubles: DeviceTroubles,
    private readonly damage: DamagedFrames,
    private readonly outcomes: SyncOutcomes,
    private readonly metrics: DeviceSyncMetrics,
  ) {}

  /**
   * Enters a device's report. Repeating it changes nothing but a counter; "failed" may become "applied" when a
   * later attempt succeeds, and "applied" stays.
   *
   * @param statement - the report as the device has signed it
   * @throws RivuletError what verifyReport throws · MANIFEST_UNKNOWN · REQUEST_INVALID when the checksums are not those of the manifest
   */
  async record(
    device: Device,
    acknowledgement: Acknowledgement,
    statement?: string,
  ): Promise<AcknowledgementReceipt> {
    const signedBy = await verifyReport(device, acknowledgement, statement);
    const { manifestId, status, cycleId, finishedAt, durationMs, tables, error } = acknowledgement;
    const { deviceId, resyncSince } = await this.manifests.find(manifestId, device);
    if (status === 'applied') await this.checkProof(acknowledgement);
    const recorded = await this.entering.run([
      manifestId,
      deviceId,
      status,
      cycleId,
      finishedAt,
      durationMs,
      JSON.stringify(tables),
      error?.code ?? null,
      error?.message ?? null,
      statement ?? null,
      signedBy ?? null,
    ]);
    if (status === 'applied' && resyncSince !== null && device.deviceId !== undefined) {
      await this.registry.finishResync(device.deviceId, resyncSince);
    }
    this.metrics.acknowledgements.inc({ status });
    if (recorded.status === 'applied') {
      const isFirst = !recorded.repeated;
      this.outcomes.tell(device.deviceId, { kind: 'applied', manifestId, isFirst });
      this.troubles.applied(deviceId);
    } else if (error !== undefined) await this.tellOfFailure(deviceId, device, manifestId, error);
    return { manifestId, status: recorded.status, repeated: recorded.repeated };
  }

  /** A statement may touch a row but once: of two reports on one manifest each is entered alone. */
  private async enterAll(reports: ReportRow[]): Promise<Recorded[]> {
    const columns = reports[0]!.map((_, place) => reports.map((report) => report[place]));
    const rows = await this.database.query<(Recorded & { manifestId: string })[]>(upsert, columns);
    const byId = new Map(rows.map((row) => [row.manifestId, row]));
    return reports.map(([manifestId]) => byId.get(manifestId as string)!);
  }

  private async tellOfFailure(
    deviceId: string,
    device: Device,
    manifestId: string,
    { code, message }: NonNullable<Acknowledgement['error']>,
  ): Promise<void> {
    if (code === 'FRAME_INVALID') void this.damage.look(manifestId);
    const tables = await this.manifests.tablesOf(manifestId);
    const table = tableNamedIn(
      message,
      tables.map(({ name }) => name),
    );
    const where = table === undefined ? {} : { table };
    this.troubles.failed(deviceId, { macAddress: device.macAddress, code, message, ...where });
    this.outcomes.tell(device.deviceId, { kind: 'failed', code, ...where });
  }

  private async checkProof(acknowledgement: Acknowledgement): Promise<void> {
    const promised = await this.manifests.tablesOf(acknowledgement.manifestId);
    refuseOtherTables(acknowledgement, promised);
    for (const { name, checksum, rows } of promised) {
      const reported = acknowledgement.tables.find((table) => table.name === name);
      if (reported?.checksum === checksum && reported.rows === rows) continue;
      throw new RivuletError('REQUEST_INVALID', `The acknowledgement does not prove table ${name}.`, {
        errors: [{ field: 'tables', reason: `must have ${name} with ${rows} rows and checksum ${checksum}` }],
      });
    }
  }
}

function refuseOtherTables({ tables }: Acknowledgement, promised: { name: string }[]): void {
  const names = new Set(promised.map(({ name }) => name));
  const index = tables.findIndex(({ name }) => !names.has(name));
  if (index === -1) return;
  throw requestInvalid([{ field: `tables[${index}].name`, reason: 'is no table of this manifest' }]);
}

/** "applied" stays as it was reported first; "failed" gives way to a later report. */
const upsert = preparedStatement(
  'rivulet acknowledgements',
  `
INSERT INTO rivulet.sync_acknowledgements AS known
  (manifest_id, device_id, status, cycle_id, finished_at, duration_ms, tables, error_code, error_message, statement, signed_by)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::int[], $7::jsonb[], $8::text[],
                     $9::text[], $10::text[], $11::text[]) AS report (manifest_id) ORDER BY manifest_id
ON CONFLICT (manifest_id) DO UPDATE SET
  (status, cycle_id, finished_at, duration_ms, tables, error_code, error_message, statement, signed_by) = (
    SELECT report.status, report.cycle_id, report.finished_at, report.duration_ms, report.tables,
           report.error_code, report.error_message, report.statement, report.signed_by
    FROM (SELECT excluded.*) AS report WHERE known.status = 'failed'
    UNION ALL
    SELECT known.status, known.cycle_id, known.finished_at, known.duration_ms, known.tables,
           known.error_code, known.error_message, known.statement, known.signed_by
    WHERE known.status = 'applied'
  ),
  last_received_at = now(),
  times_received = known.times_received + 1
RETURNING manifest_id AS "manifestId", status, times_received > 1 AS repeated`,
);
