import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** What became of one `POST /api/device-sync/request` of a known device. */
@Entity('sync_requests')
export class SyncRequestRecord {
  @PrimaryGeneratedColumn('identity')
  id: number;

  @Column('text', { name: 'request_id' })
  requestId: string;

  @Column('text', { name: 'device_id' })
  deviceId: string;

  @Column('text', { name: 'mac_address' })
  macAddress: string;

  @Column('text', { name: 'last_manifest_id', nullable: true })
  lastManifestId: string | null;

  @Column('text')
  outcome: 'current' | 'update' | 'failed';

  @Column('text', { name: 'manifest_id', nullable: true })
  manifestId: string | null;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode: string | null;

  @Column('timestamptz', { name: 'received_at' })
  receivedAt: Date;

  @Column('integer', { name: 'duration_ms' })
  durationMs: number;
}
