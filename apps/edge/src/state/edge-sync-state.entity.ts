import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from '@rivulet/platform';

/** The manifest applied last; at most one row. */
@Entity('edge_sync_state')
export class EdgeSyncState {
  @PrimaryColumn('boolean')
  singleton: boolean;

  @Column('text', { name: 'mac_address' })
  macAddress: string;

  @Column('text', { name: 'manifest_id' })
  manifestId: string;

  @Column('integer')
  epoch: number;

  @Column('bigint', { transformer: bigintAsNumber })
  sequence: number;

  @Column('text', { name: 'schema_version' })
  schemaVersion: string;

  /** Thumbprint of the key that signed the manifest. */
  @Column('text', { name: 'central_key' })
  centralKey: string;

  @Column('timestamptz', { name: 'applied_at' })
  appliedAt: Date;
}
