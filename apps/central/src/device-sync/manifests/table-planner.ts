import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { holds, type PlanTerms, type TablePlan } from '@rivulet/protocol';
import type { Snapshot } from '../../snapshots/snapshot';
import { StoreLoss } from '../../snapshots/store-loss';
import { PatchService } from '../../snapshots/patches/patch.service';

/** How a device gets to one snapshot from what it has. */
export interface PlannedTable {
  plan: TablePlan;
  /** The snapshot that is patched. */
  baseSnapshotId: number | null;
  /** Bytes of its frames. */
  wireBytes: number;
}

@Injectable()
export class TablePlanner {
  constructor(
    private readonly database: DataSource,
    private readonly patches: PatchService,
  ) {}

  /**
   * The cheapest plan: keep what is equal, patch what central knows, else name the chunks.
   *
   * @throws StoreLoss when not all of these is stored
   */
  async plan(snapshot: Snapshot, asked: PlanTerms): Promise<PlannedTable> {
    const { checksum, dataset } = snapshot;
    const { fingerprint } = dataset;
    const { name } = dataset.schema;
    const held = asked.tables.find((table) => table.name === name);
    if (holds(held, { fingerprint, checksum })) {
      return { plan: { name, action: 'keep' }, baseSnapshotId: null, wireBytes: 0 };
    }
    if (held?.fingerprint === fingerprint && asked.wholeTables !== true) {
      const patch = await this.patches.findOrMake(held.checksum, snapshot);
      if (patch !== undefined) {
        const { frames, baseSnapshotId, wireBytes } = patch;
        return { plan: { name, action: 'patch', frames }, baseSnapshotId, wireBytes };
      }
    }
    const chunks = await this.chunkDigests(snapshot);
    return { plan: { name, action: 'load', chunks }, baseSnapshotId: null, wireBytes: snapshot.wireBytes };
  }

  private async chunkDigests({ snapshotId, bytes, dataset }: Snapshot): Promise<string[]> {
    const [row] = await this.database.query<ChunkListRow[]>(readDigests, [snapshotId]);
    const { digests, listedBytes, missing } = row!;
    if (Number(listedBytes) === bytes && Number(missing) === 0) return digests;
    throw new StoreLoss(`Chunks of dataset ${dataset.schema.name} are no longer stored.`);
  }
}

interface ChunkListRow {
  digests: string[];
  listedBytes: string;
  missing: string;
}

/** Looks each digest up in the index of the chunks; what is promised must be there. */
const readDigests = `
SELECT coalesce(array_agg(encode(listed.digest, 'hex') ORDER BY position), '{}') AS digests,
       coalesce(sum(listed.content_bytes), 0) AS "listedBytes",
       count(*) FILTER (WHERE chunks.digest IS NULL) AS missing
FROM rivulet.snapshot_chunks listed LEFT JOIN rivulet.chunks USING (digest)
WHERE snapshot_id = $1`;
