import { Injectable } from '@nestjs/common';
import {
  FRAME_HEADER_BYTES,
  PROTOCOL_VERSION,
  RivuletError,
  type HeldTable,
  type Manifest,
  type SyncPlan,
  type TablePlan,
} from '@rivulet/protocol';
import { DataSource, IsNull } from 'typeorm';
import { monotonicFactory } from 'ulid';
import type { Device } from '../devices/device';
import { isHeld, type Snapshot } from '../snapshots/snapshot';
import { SigningKey } from './signing-key';
import { SyncManifestTable } from './sync-manifest-table.entity';
import { SyncManifest } from './sync-manifest.entity';

/** What a manifest is made for and of. */
export interface ManifestOrder {
  requestId: string;
  device: Device;
  nonce: string;
  schemaVersion: string;
  snapshots: Snapshot[];
  held: HeldTable[];
}

export interface IssuedManifest {
  manifestId: string;
  /** The signed manifest. */
  document: string;
  plan: SyncPlan;
}

/** A frame of a manifest's payload, before its block is read. */
export interface PlannedFrame {
  number: number;
  /** The table's place in the manifest. */
  table: number;
  digest: Buffer;
  /** Decoded; the block has no more. */
  contentBytes: number;
}

@Injectable()
export class ManifestService {
  private readonly nextUlid = monotonicFactory();

  constructor(
    private readonly database: DataSource,
    private readonly signingKey: SigningKey,
  ) {}

  /** Signs a manifest of the snapshots, and enters it with its plan before anyone sees it. */
  async issue(order: ManifestOrder): Promise<IssuedManifest> {
    const { epoch, sequence } = await this.nextPosition();
    const issuedAt = new Date();
    const manifest: Manifest = {
      protocolVersion: PROTOCOL_VERSION,
      manifestId: this.nextUlid(),
      macAddress: order.device.macAddress,
      epoch,
      sequence,
      issuedAt: issuedAt.toISOString(),
      nonce: order.nonce,
      schemaVersion: order.schemaVersion,
      tables: order.snapshots.map(({ dataset, rows, bytes, checksum }) => ({
        ...dataset.schema,
        fingerprint: dataset.fingerprint,
        rows,
        bytes,
        checksum,
      })),
    };
    const document = await this.signingKey.sign(JSON.stringify(manifest));
    const actions = order.snapshots.map((snapshot) => (isHeld(snapshot, order.held) ? 'keep' : 'load'));
    const { manifestId } = manifest;
    await this.database.transaction(async (manager) => {
      await manager.insert(SyncManifest, {
        manifestId,
        requestId: order.requestId,
        deviceId: order.device.deviceId,
        macAddress: order.device.macAddress,
        epoch,
        sequence,
        schemaVersion: order.schemaVersion,
        document,
        issuedAt,
      });
      await manager.insert(
        SyncManifestTable,
        order.snapshots.map(({ dataset, rows, bytes, checksum, snapshotId }, position) => ({
          manifestId,
          position,
          name: dataset.schema.name,
          action: actions[position]!,
          rows,
          bytes,
          checksum,
          snapshotId,
        })),
      );
    });
    return { manifestId, document, plan: await this.plan(order.snapshots, actions) };
  }

  /** @throws RivuletError MANIFEST_UNKNOWN, also when it is another device's: neither must tell which */
  async find(manifestId: string, device: Device): Promise<SyncManifest> {
    const manifest = await this.database.manager.findOneBy(SyncManifest, {
      manifestId,
      deviceId: device.deviceId,
    });
    if (manifest === null) {
      throw new RivuletError('MANIFEST_UNKNOWN', `This device has no manifest ${manifestId}.`);
    }
    return manifest;
  }

  async tablesOf(manifestId: string): Promise<SyncManifestTable[]> {
    return this.database.manager.find(SyncManifestTable, {
      where: { manifestId },
      order: { position: 'ASC' },
    });
  }

  /**
   * Every frame of a manifest's plan, in order.
   *
   * @throws RivuletError MANIFEST_EXPIRED when a snapshot that it names has been collected
   */
  async plannedFrames(manifestId: string): Promise<PlannedFrame[]> {
    const isExpired = await this.database.manager.existsBy(SyncManifestTable, {
      manifestId,
      action: 'load',
      snapshotId: IsNull(),
    });
    if (isExpired) {
      throw new RivuletError(
        'MANIFEST_EXPIRED',
        `The payload of manifest ${manifestId} is no longer stored.`,
      );
    }
    const rows = await this.database.query<Omit<PlannedFrame, 'number'>[]>(
      `SELECT manifest_table.position AS "table", chunk.digest, chunk.content_bytes AS "contentBytes"
       FROM rivulet.sync_manifest_tables manifest_table JOIN rivulet.snapshot_chunks chunk USING (snapshot_id)
       WHERE manifest_id = $1 AND action = 'load'
       ORDER BY manifest_table.position, chunk.position`,
      [manifestId],
    );
    return rows.map((row, number) => ({ number, ...row }));
  }

  private async nextPosition(): Promise<{ epoch: number; sequence: number }> {
    const [row] = await this.database.query<{ epoch: number; sequence: string }[]>(
      `SELECT epoch, nextval('rivulet.manifest_sequence') AS sequence FROM rivulet.central_state`,
    );
    return { epoch: row!.epoch, sequence: Number(row!.sequence) };
  }

  private async plan(snapshots: Snapshot[], actions: TablePlan['action'][]): Promise<SyncPlan> {
    const tables: TablePlan[] = [];
    let wireBytes = FRAME_HEADER_BYTES;
    for (const [index, { dataset, snapshotId, wireBytes: snapshotWireBytes }] of snapshots.entries()) {
      const { name } = dataset.schema;
      if (actions[index] === 'keep') {
        tables.push({ name, action: 'keep' });
      } else {
        tables.push({ name, action: 'load', chunks: await this.chunkDigests(snapshotId) });
        wireBytes += snapshotWireBytes;
      }
    }
    return { tables, wireBytes };
  }

  private async chunkDigests(snapshotId: number): Promise<string[]> {
    const rows = await this.database.query<{ digest: Buffer }[]>(
      'SELECT digest FROM rivulet.snapshot_chunks WHERE snapshot_id = $1 ORDER BY position',
      [snapshotId],
    );
    return rows.map((row) => row.digest.toString('hex'));
  }
}
