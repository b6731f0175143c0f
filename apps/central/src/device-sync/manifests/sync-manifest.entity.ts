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

  @Column('timestamptz', { name: 'issued_at' })
  issuedAt: Date;
}
