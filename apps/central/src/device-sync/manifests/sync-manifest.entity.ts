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

  /** The signed manifest, as it was sent; null where it is packed. */
  @Column('text', { nullable: true })
  document: string | null;

  /** The same by packDocument(); null of one that an earlier version has entered. */
  @Column('bytea', { name: 'packed_document', nullable: true })
  packedDocument: Buffer | null;

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
