import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { ScrubResult } from './scrub-result';

/** One finished scrub. */
@Entity('edge_scrub_log')
export class EdgeScrubLog {
  @PrimaryGeneratedColumn('identity')
  id: string;

  @Column('text', { name: 'scrub_id' })
  scrubId: string;

  @Column('text')
  trigger: ScrubResult['trigger'];

  @Column('text')
  status: ScrubResult['status'];

  @Column('timestamptz', { name: 'started_at' })
  startedAt: Date;

  @Column('timestamptz', { name: 'finished_at' })
  finishedAt: Date;

  @Column('integer', { name: 'duration_ms' })
  durationMs: number;

  @Column('jsonb')
  tables: ScrubResult['tables'];

  @Column('jsonb', { nullable: true })
  repair: ScrubResult['repair'] | null;

  @Column('jsonb', { nullable: true })
  error: ScrubResult['error'] | null;
}
