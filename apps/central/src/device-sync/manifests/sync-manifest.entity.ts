import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from '@rivulet/platform';

@Entity('sync_manifests')
export class SyncManifest {
  @PrimaryColumn('text', { name: 'manifest_id' })
  manifestId: string;

  @Column('text', { name: 'request_id' })
  requestId: string;

  @Column('text', { name: 'device_id' })
  deviceId: string;

  @Column('text', { name: 'mac_address' })
  macAddress: string;

  @Column('integer')
  epoch: number;

  @Column('bigint', { transformer: bigintAsNumber })
  sequence: number;

  @Column('text', { name: 'schema_version' })
  schemaVersion: string;

  /** The signed manifest, as it was sent. */
  @Column('text')
  document: string;

  /** The frames of its payload, without the end frame. */
  @Column('integer', { name: 'frame_count', nullable: true })
  frameCount: number | null;

  @Column('timestamptz', { name: 'issued_at' })
  issuedAt: Date;

  /** The registry's id of the device that asked; null for a device that was not in it yet. */
  @Column('text', { name: 'registry_id', nullable: true })
  registryId: string | null;

  /** Since when an operator had wanted what it answers. */
  @Column('timestamptz', { name: 'resync_since', nullable: true })
  resyncSince: Date | null;
}
