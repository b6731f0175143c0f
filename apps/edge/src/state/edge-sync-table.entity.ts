import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigintAsNumber } from '@rivulet/platform';
import type { Column as MirrorColumn, TableSchema } from '@rivulet/protocol';

/** The recorded content of one mirror. */
@Entity('edge_sync_tables')
export class EdgeSyncTable {
  /** The dataset's name. */
  @PrimaryColumn('text')
  name: string;

  @Column('text', { name: 'schema_name' })
  schema: string;

  @Column('text', { name: 'table_name' })
  table: string;

  @Column('jsonb')
  columns: MirrorColumn[];

  /** Names of its columns. */
  @Column('jsonb')
  key: string[];

  @Column('text')
  fingerprint: string;

  @Column('text')
  checksum: string;

  @Column('bigint', { transformer: bigintAsNumber })
  rows: number;

  @Column('bigint', { transformer: bigintAsNumber })
  bytes: number;

  /** Roles that were granted SELECT. */
  @Column('jsonb')
  grants: string[];

  /** The mirror's fate when its dataset is removed. */
  @Column('text', { name: 'on_remove' })
  onRemove: TableSchema['onRemove'];

  /** The manifest that changed it last. */
  @Column('text', { name: 'manifest_id' })
  manifestId: string;

  @Column('timestamptz', { name: 'loaded_at' })
  loadedAt: Date;
}
