import { Injectable, Logger } from '@nestjs/common';
import { Coalesced } from '@rivulet/platform';
import { DataSource } from 'typeorm';
import { SnapshotsMetrics } from './snapshots.metrics';

/** The losses of the store, and the entries removed because they are of no use without what was lost. */
interface Lost {
  /** Chunks, and frames of patches, that are listed and not stored. */
  chunks: number;
  /** Snapshots that miss a chunk or a part of their list. */
  snapshots: number;
  patches: number;
}

/**
 * Forgets all that is stored in part, so that it is read from the source again. Nothing of central's store is the only
 * copy of anything.
 */
@Injectable()
export class StoreRepair {
  private readonly logger = new Logger('Store');
  private readonly repairing = new Coalesced(() => this.repair());

  constructor(
    private readonly database: DataSource,
    private readonly metrics: SnapshotsMetrics,
  ) {}

  /** Looks at the whole store, once for all who find something missing meanwhile. */
  async run(): Promise<void> {
    return this.repairing.run();
  }

  private async repair(): Promise<void> {
    const [row] = await this.database.query<Record<keyof Lost, string>[]>(removeDamaged);
    const lost = {
      chunks: Number(row!.chunks),
      snapshots: Number(row!.snapshots),
      patches: Number(row!.patches),
    };
    for (const kind of ['chunks', 'snapshots', 'patches'] as const)
      this.metrics.lost.inc({ kind }, lost[kind]);
    if (lost.snapshots + lost.patches === 0) return;
    this.logger.warn(
      { lost },
      `Parts of the store are lost: ${lost.chunks} chunks, so that ${lost.snapshots} snapshots and ${lost.patches} ` +
        'patches are of no use. They are read from the source again when devices need them. ' +
        'Check who deletes rows of the schema rivulet, or which part of it was restored.',
    );
  }
}

/**
 * Scans both lists and looks each digest up among the chunks, whose blocks are not read. All parts of the statement see one
 * moment, at which the store is whole but for what somebody has taken from it: what names chunks is entered and collected
 * in one transaction with them.
 */
const removeDamaged = `
WITH snapshot_parts AS (
  SELECT snapshot_id, sum(listed.content_bytes) AS bytes, count(*) FILTER (WHERE chunks.digest IS NULL) AS missing
  FROM rivulet.snapshot_chunks listed LEFT JOIN rivulet.chunks USING (digest) GROUP BY snapshot_id
), damaged AS (
  SELECT snapshot_id FROM rivulet.snapshots LEFT JOIN snapshot_parts parts USING (snapshot_id)
  WHERE snapshots.bytes <> coalesce(parts.bytes, 0) OR parts.missing > 0
), damaged_patches AS (
  SELECT base_snapshot_id, snapshot_id
  FROM rivulet.snapshot_patches frame LEFT JOIN rivulet.chunks USING (digest)
  GROUP BY base_snapshot_id, snapshot_id
  HAVING count(*) <> count(chunks.digest) OR count(*) <> max(frame_count)
), lost_chunks AS (
  SELECT digest FROM rivulet.snapshot_chunks UNION SELECT digest FROM rivulet.snapshot_patches
  EXCEPT SELECT digest FROM rivulet.chunks
), removed AS (
  DELETE FROM rivulet.snapshots USING damaged WHERE snapshots.snapshot_id = damaged.snapshot_id
  RETURNING snapshots.snapshot_id
), removed_patches AS (
  DELETE FROM rivulet.snapshot_patches frame USING damaged_patches damaged
  WHERE (frame.base_snapshot_id, frame.snapshot_id) = (damaged.base_snapshot_id, damaged.snapshot_id)
  RETURNING frame.base_snapshot_id, frame.snapshot_id
)
SELECT (SELECT count(*) FROM lost_chunks) AS chunks, (SELECT count(*) FROM removed) AS snapshots,
       (SELECT count(DISTINCT (base_snapshot_id, snapshot_id)) FROM removed_patches) AS patches`;
