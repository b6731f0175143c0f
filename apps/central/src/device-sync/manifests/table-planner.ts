import { Injectable } from '@nestjs/common';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable } from '@rivulet/postgres';
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

/** Lists of chunks that are read in one statement. */
const LISTS_AT_ONCE = 200;

@Injectable()
export class TablePlanner {
  private readonly lists = new Batched((snapshotIds: number[]) => this.readLists(snapshotIds), {
    maxItems: LISTS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

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
    const { digests, listedBytes, missing } = await this.lists.run(snapshotId);
    if (Number(listedBytes) === bytes && Number(missing) === 0) return digests;
    throw new StoreLoss(`Chunks of dataset ${dataset.schema.name} are no longer stored.`);
  }

  private async readLists(snapshotIds: number[]): Promise<ChunkListRow[]> {
    const rows = await this.database.query<ChunkListRow[]>(readDigests, [[...new Set(snapshotIds)]]);
    const byId = new Map(rows.map((row) => [Number(row.snapshotId), row]));
    return snapshotIds.map((id) => byId.get(id) ?? EMPTY);
  }
}

interface ChunkListRow {
  snapshotId: string;
  digests: string[];
  listedBytes: string;
  missing: string;
}

const EMPTY: ChunkListRow = { snapshotId: '', digests: [], listedBytes: '0', missing: '0' };

/** Looks each digest up in the index of the chunks; what is promised must be there. OFFSET 0 has PostgreSQL do so from the beginning. */
const readDigests = `
SELECT snapshot_id AS "snapshotId", array_agg(encode(listed.digest, 'hex') ORDER BY position) AS digests,
       sum(listed.content_bytes) AS "listedBytes", count(*) FILTER (WHERE stored.is_there IS NULL) AS missing
FROM rivulet.snapshot_chunks listed LEFT JOIN LATERAL (
  SELECT true AS is_there FROM rivulet.chunks WHERE chunks.digest = listed.digest OFFSET 0
) AS stored ON true
WHERE snapshot_id = ANY ($1::bigint[]) GROUP BY snapshot_id`;
