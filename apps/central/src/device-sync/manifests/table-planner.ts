import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { holds, type PlanTerms, type TablePlan } from '@rivulet/protocol';
import type { Snapshot } from '../../snapshots/snapshot';
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

  /** The cheapest plan: keep what is equal, patch what central knows, else name the chunks. */
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
    const chunks = await this.chunkDigests(snapshot.snapshotId);
    return { plan: { name, action: 'load', chunks }, baseSnapshotId: null, wireBytes: snapshot.wireBytes };
  }

  private async chunkDigests(snapshotId: number): Promise<string[]> {
    const [row] = await this.database.query<{ digests: string[] }[]>(
      `SELECT coalesce(array_agg(encode(digest, 'hex') ORDER BY position), '{}') AS digests
       FROM rivulet.snapshot_chunks WHERE snapshot_id = $1`,
      [snapshotId],
    );
    return row!.digests;
  }
}
