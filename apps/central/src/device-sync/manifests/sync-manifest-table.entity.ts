import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from '@rivulet/platform';

@Entity('sync_manifest_tables')
export class SyncManifestTable {
  @PrimaryColumn('text', { name: 'manifest_id' })
  manifestId: string;

  @PrimaryColumn('integer')
  position: number;

  @Column('text')
  name: string;

  /** The action that the device was told to take. */
  @Column('text')
  action: 'keep' | 'patch' | 'load';

  @Column('bigint', { transformer: bigintAsNumber })
  rows: number;

  @Column('bigint', { transformer: bigintAsNumber })
  bytes: number;

  @Column('text')
  checksum: string;

  /** Null once the snapshot has been collected. */
  @Column('bigint', { name: 'snapshot_id', nullable: true, transformer: bigintAsNumber })
  snapshotId: number | null;

  /** The base that was to be patched. */
  @Column('bigint', { name: 'base_snapshot_id', nullable: true, transformer: bigintAsNumber })
  baseSnapshotId: number | null;
}
