import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import type { DeviceProof } from '@rivulet/signatures';
import { DataSource } from 'typeorm';
import { SigningKeys } from '../signing/signing-keys';
import { unpackDocument } from './manifests/pack-document';

/** A sync of a device, as central knows it. */
export interface DeviceSync {
  manifestId: string;
  epoch: number;
  sequence: number;
  issuedAt: Date;
  /** The device's report; null until it has reported. */
  status: 'applied' | 'failed' | null;
  acknowledgedAt: Date | null;
  errorCode: string | null;
  errorMessage: string | null;
  tables: { name: string; rows: number; checksum: string }[];
}

interface FoundProof extends Pick<DeviceProof, 'deviceKey' | 'report'> {
  document: string | null;
  packed: Buffer | null;
}

/** The history of one device's manifests. */
@Injectable()
export class DeviceHistory {
  constructor(
    private readonly database: DataSource,
    private readonly signingKeys: SigningKeys,
  ) {}

  /** The latest first. */
  async latest(registryId: string, limit: number): Promise<DeviceSync[]> {
    return this.database.query<DeviceSync[]>(latestSyncs, [registryId, limit]);
  }

  /**
   * What shows, without central, which rows the device held: by the manifest that it proved last, or by this one.
   *
   * @throws RivuletError PROOF_UNKNOWN
   */
  async proof(registryId: string, manifestId?: string): Promise<Required<DeviceProof>> {
    const [found] = await this.database.query<FoundProof[]>(latestProof, [registryId, manifestId ?? null]);
    if (found !== undefined) {
      const { document, packed, ...signed } = found;
      const manifest = packed === null ? document! : unpackDocument(packed);
      return { ...signed, manifest, centralKeys: await this.signingKeys.chain() };
    }
    throw new RivuletError(
      'PROOF_UNKNOWN',
      `Device ${registryId} has proved nothing with its key that is kept.`,
    );
  }

  /** The one that the device has proved last. */
  async latestApplied(registryId: string): Promise<DeviceSync | undefined> {
    const [sync] = await this.database.query<DeviceSync[]>(latestApplied, [registryId]);
    return sync;
  }
}

const latestProof = `
SELECT key.statement AS "deviceKey", manifest.document, manifest.packed_document AS packed, report.statement AS report
FROM rivulet.sync_manifests AS manifest JOIN rivulet.sync_acknowledgements AS report USING (manifest_id),
  rivulet.device_keys AS key
WHERE registry_id = $1 AND report.status = 'applied' AND report.statement IS NOT NULL
  AND ($2::text IS NULL OR manifest_id = $2)
  AND key.device_id = $1 AND key.statement IS NOT NULL AND key.thumbprint = report.signed_by
ORDER BY epoch DESC, sequence DESC LIMIT 1`;

const columns = `
SELECT manifest_id AS "manifestId", epoch, sequence::float8 AS sequence, issued_at AS "issuedAt", status,
  first_received_at AS "acknowledgedAt", error_code AS "errorCode", error_message AS "errorMessage",
  coalesce(tables, '[]') AS tables
FROM rivulet.sync_manifests LEFT JOIN rivulet.sync_acknowledgements USING (manifest_id)`;

/** By the index on (registry_id, epoch, sequence). */
const latestSyncs = `${columns} WHERE registry_id = $1 ORDER BY epoch DESC, sequence DESC LIMIT $2`;
const latestApplied = `${columns} WHERE registry_id = $1 AND status = 'applied' ORDER BY epoch DESC, sequence DESC LIMIT 1`;
