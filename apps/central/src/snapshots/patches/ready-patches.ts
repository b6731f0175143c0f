import { Injectable } from '@nestjs/common';
import { ownCopyOf, type PatchContent } from '@rivulet/protocol';
import { LRUCache } from 'lru-cache';

const MAX_BYTES = 4 * 1024 * 1024;
/** Of an entry, beside its contents. */
const ENTRY_BYTES = 500;

/**
 * Patches that came of reading their snapshots, until a device needs them. This process alone has them: another one, or who
 * comes later, compares the contents.
 */
@Injectable()
export class ReadyPatches {
  private readonly patches = new LRUCache<string, PatchContent[]>({
    maxSize: MAX_BYTES,
    sizeCalculation: (contents) =>
      contents.reduce((sum, { content }) => sum + content.length, 0) + ENTRY_BYTES,
  });

  keep(baseSnapshotId: number, snapshotId: number, contents: PatchContent[]): void {
    // In the pool of small buffers each would keep a slab of 8 KiB.
    const own = contents.map((patch) => ({ ...patch, content: ownCopyOf(patch.content) }));
    this.patches.set(nameOf(baseSnapshotId, snapshotId), own);
  }

  /** It is to be stored by whoever takes it. */
  take(baseSnapshotId: number, snapshotId: number): PatchContent[] | undefined {
    const name = nameOf(baseSnapshotId, snapshotId);
    const contents = this.patches.get(name);
    this.patches.delete(name);
    return contents;
  }
}

function nameOf(baseSnapshotId: number, snapshotId: number): string {
  return `${baseSnapshotId} ${snapshotId}`;
}
