import { Injectable } from '@nestjs/common';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable, preparedStatement } from '@rivulet/postgres';
import { changedSpans, type ListedChunk } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { ChunkStore } from '../chunk-store';
import type { Snapshot } from '../snapshot';
import { StoreLoss } from '../store-loss';
import { bytesOf, readChunkLists } from './chunk-list';
import { BATCH_BYTES, makePatch } from './make-patch';
import { PatchStore, type StoredPatch } from './patch-store';

type Base = Pick<Snapshot, 'snapshotId' | 'bytes'>;

interface AskedBase {
  checksum: string;
  dataset: string;
}

/** Contents that are looked up in one statement. */
const BASES_AT_ONCE = 500;

const findBases = preparedStatement(
  'rivulet bases of patches',
  `
SELECT checksum, dataset, snapshot_id AS "snapshotId", bytes FROM rivulet.snapshots
WHERE checksum = ANY ($1) AND rows > 0`,
);

/** Finds or makes patches between snapshots of one dataset, once for all devices that have the same and need the same. */
@Injectable()
export class PatchService {
  private readonly bases = new Batched((asked: AskedBase[]) => this.basesOf(asked), {
    maxItems: BASES_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });
  private readonly underWay = new Map<string, Promise<StoredPatch | undefined>>();

  constructor(
    private readonly database: DataSource,
    private readonly chunks: ChunkStore,
    private readonly patches: PatchStore,
  ) {}

  /**
   * The patch for a device that has the content with this checksum; undefined when central has not, when that is
   * empty, or when too much is different. Who had it before, and when, does not matter.
   *
   * @throws StoreLoss when a part of what is stored of it is lost
   */
  async findOrMake(baseChecksum: string, target: Snapshot): Promise<StoredPatch | undefined> {
    const base = await this.bases.run({
      checksum: baseChecksum,
      dataset: target.dataset.schema.name,
    });
    if (base === undefined) return undefined;
    const name = `${base.snapshotId} ${target.snapshotId}`;
    let underWay = this.underWay.get(name);
    if (underWay === undefined) {
      underWay = this.between(base, target).finally(() => this.underWay.delete(name));
      this.underWay.set(name, underWay);
    }
    return underWay;
  }

  private async basesOf(asked: AskedBase[]): Promise<(Base | undefined)[]> {
    const rows = await this.database.query<Record<keyof AskedBase | keyof Base, string>[]>(findBases, [
      [...new Set(asked.map(({ checksum }) => checksum))],
    ]);
    const byName = new Map(rows.map((row) => [`${row.checksum} ${row.dataset}`, row]));
    return asked.map(({ checksum, dataset }) => {
      const row = byName.get(`${checksum} ${dataset}`);
      return row && { snapshotId: Number(row.snapshotId), bytes: Number(row.bytes) };
    });
  }

  private async between(base: Base, target: Snapshot): Promise<StoredPatch | undefined> {
    const stored = await this.patches.find(base.snapshotId, target.snapshotId);
    if (stored !== undefined) return stored;
    const spans = changedSpans(...(await this.listsOf(base, target)));
    if (spans.some(({ bytes }) => bytes > BATCH_BYTES)) return undefined;
    const contents = await makePatch(this.chunks, spans, target.dataset.schema.key.length);
    if (contents === undefined) return undefined;
    return this.patches.add(base.snapshotId, target.snapshotId, contents);
  }

  /** @throws StoreLoss unless both are whole */
  private async listsOf(base: Base, target: Base): Promise<[ListedChunk[], ListedChunk[]]> {
    const lists = await readChunkLists(this.database, base.snapshotId, target.snapshotId);
    if (bytesOf(lists[0]) === base.bytes && bytesOf(lists[1]) === target.bytes) return lists;
    throw new StoreLoss('A part of the list of a snapshot is no longer stored.');
  }
}
