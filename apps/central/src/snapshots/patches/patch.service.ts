import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ChunkStore } from '../chunk-store';
import type { Snapshot } from '../snapshot';
import { SnapshotLocks } from '../snapshot-locks';
import { changedSpans } from './changed-spans';
import { readChunkList } from './chunk-list';
import { BATCH_BYTES, makePatch } from './make-patch';
import { PatchStore, type StoredPatch } from './patch-store';

/** Finds or makes patches between snapshots of one dataset, once for all devices that have the same and need the same. */
@Injectable()
export class PatchService {
  private readonly underWay = new Map<string, Promise<StoredPatch | undefined>>();

  constructor(
    private readonly database: DataSource,
    private readonly chunks: ChunkStore,
    private readonly patches: PatchStore,
    private readonly locks: SnapshotLocks,
  ) {}

  /**
   * The patch for a device that has the content with this checksum; undefined when central has not, when that is
   * empty, or when too much is different. Who had it before, and when, does not matter.
   */
  async findOrMake(baseChecksum: string, target: Snapshot): Promise<StoredPatch | undefined> {
    const baseSnapshotId = await this.baseOf(baseChecksum, target);
    if (baseSnapshotId === undefined) return undefined;
    const name = `${baseSnapshotId} ${target.snapshotId}`;
    let underWay = this.underWay.get(name);
    if (underWay === undefined) {
      underWay = this.between(baseSnapshotId, target).finally(() => this.underWay.delete(name));
      this.underWay.set(name, underWay);
    }
    return underWay;
  }

  private async baseOf(checksum: string, { dataset }: Snapshot): Promise<number | undefined> {
    const [base] = await this.database.query<{ snapshotId: string }[]>(
      'SELECT snapshot_id AS "snapshotId" FROM rivulet.snapshots WHERE checksum = $1 AND dataset = $2 AND rows > 0',
      [checksum, dataset.schema.name],
    );
    return base === undefined ? undefined : Number(base.snapshotId);
  }

  private async between(baseSnapshotId: number, target: Snapshot): Promise<StoredPatch | undefined> {
    const { snapshotId } = target;
    const stored = await this.patches.find(baseSnapshotId, snapshotId);
    if (stored !== undefined) return stored;
    const base = await readChunkList(this.database, baseSnapshotId);
    const next = await readChunkList(this.database, snapshotId);
    const spans = changedSpans(base, next);
    if (spans.some(({ bytes }) => bytes > BATCH_BYTES)) return undefined;
    await this.locks.withoutCollection(async () => {
      const contents = await makePatch(this.chunks, spans, target.dataset.schema.key.length);
      if (contents !== undefined) await this.patches.add(baseSnapshotId, snapshotId, contents);
    });
    return this.patches.find(baseSnapshotId, snapshotId);
  }
}
