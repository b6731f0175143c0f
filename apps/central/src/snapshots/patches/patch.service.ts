import { Injectable } from '@nestjs/common';
import { changedSpans, type ListedChunk, type PatchContent } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { ChunkStore } from '../chunk-store';
import type { Snapshot } from '../snapshot';
import { StoreLoss } from '../store-loss';
import { bytesOf, readChunkLists } from './chunk-list';
import { BATCH_BYTES, makePatch } from './make-patch';
import { ReadyPatches } from './ready-patches';
import { PatchStore, type Base, type StoredPatch, type WantedPatch } from './patch-store';

/** Finds or makes patches between snapshots of one dataset, once for all devices that have the same and need the same. */
@Injectable()
export class PatchService {
  private readonly underWay = new Map<string, Promise<StoredPatch | undefined>>();

  constructor(
    private readonly database: DataSource,
    private readonly chunks: ChunkStore,
    private readonly patches: PatchStore,
    private readonly ready: ReadyPatches,
  ) {}

  /**
   * The patch for a device that has the content with this checksum; undefined when central has not, when that is
   * empty, or when too much is different. Who had it before, and when, does not matter.
   *
   * @throws StoreLoss when a part of what is stored of it is lost
   */
  async findOrMake(baseChecksum: string, target: Snapshot): Promise<StoredPatch | undefined> {
    const { snapshotId, dataset } = target;
    const wanted = { checksum: baseChecksum, dataset: dataset.schema.name, snapshotId };
    const { base, patch } = await this.patches.find(wanted);
    if (base === undefined || patch !== undefined) return patch;
    const name = `${base.snapshotId} ${snapshotId}`;
    let underWay = this.underWay.get(name);
    if (underWay === undefined) {
      underWay = this.make(wanted, base, target).finally(() => this.underWay.delete(name));
      this.underWay.set(name, underWay);
    }
    return underWay;
  }

  private async make(wanted: WantedPatch, base: Base, target: Snapshot): Promise<StoredPatch | undefined> {
    const ready = this.ready.take(base.snapshotId, target.snapshotId);
    const contents = ready ?? (await this.compare(base, target));
    if (contents === undefined) return undefined;
    const added = await this.patches.add(base.snapshotId, target.snapshotId, contents);
    return added ?? (await this.patches.find(wanted)).patch;
  }

  private async compare(base: Base, target: Snapshot): Promise<PatchContent[] | undefined> {
    const spans = changedSpans(...(await this.listsOf(base, target)));
    if (spans.some(({ bytes }) => bytes > BATCH_BYTES)) return undefined;
    return makePatch(this.chunks, spans, target.dataset.schema.key.length);
  }

  /** @throws StoreLoss unless both are whole */
  private async listsOf(base: Base, target: Base): Promise<[ListedChunk[], ListedChunk[]]> {
    const lists = await readChunkLists(this.database, base.snapshotId, target.snapshotId);
    if (bytesOf(lists[0]) === base.bytes && bytesOf(lists[1]) === target.bytes) return lists;
    throw new StoreLoss('A part of the list of a snapshot is no longer stored.');
  }
}
