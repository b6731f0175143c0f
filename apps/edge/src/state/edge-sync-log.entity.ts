import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { SyncResult } from './sync-result';
import { bigintAsNumber } from '@rivulet/platform';

/** One finished cycle. */
@Entity('edge_sync_log')
export class EdgeSyncLog {
  @PrimaryGeneratedColumn('identity')
  id: string;

  @Column('text', { name: 'cycle_id' })
  cycleId: string;

  @Column('text')
  trigger: SyncResult['trigger'];

  @Column('text')
  status: SyncResult['status'];

  @Column('text', { name: 'manifest_id', nullable: true })
  manifestId: string | null;

  @Column('integer', { nullable: true })
  epoch: number | null;

  @Column('bigint', { nullable: true, transformer: bigintAsNumber })
  sequence: number | null;

  @Column('timestamptz', { name: 'started_at' })
  startedAt: Date;

  @Column('timestamptz', { name: 'finished_at' })
  finishedAt: Date;

  @Column('jsonb')
  durations: SyncResult['durations'];

  @Column('bigint', { name: 'wire_bytes', transformer: bigintAsNumber })
  wireBytes: number;

  @Column('jsonb')
  tables: SyncResult['tables'];

  @Column('jsonb', { nullable: true })
  error: SyncResult['error'] | null;

  /** When central confirmed the report. */
  @Column('timestamptz', { name: 'acknowledged_at', nullable: true })
  acknowledgedAt: Date | null;
}
