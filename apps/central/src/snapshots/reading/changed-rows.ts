import { crc32 } from 'node:zlib';
import {
  changedSpans,
  PatchWriter,
  type Chunk,
  type ListedChunk,
  type PatchContent,
} from '@rivulet/protocol';
import type { LocatedKey } from '@rivulet/snapshot';
import type { BaseChunk } from './base-chunks';

/** Rows that are put aside at most. */
const MOST_BYTES = 1024 * 1024;

/**
 * Changed keys for each chunk that is another now. A row may have been written without becoming another, which only its former
 * content shows; at least one in each of these chunks is another.
 */
const MOST_KEYS_A_CHUNK = 4;

/**
 * Puts the rows with changed keys aside while the chunks that they are in are read. No other row has changed, so these are
 * the patch from what was read before to what is read now: nothing has to be compared for it.
 */
export class ChangedRows {
  /** Of all changed keys, signed. */
  readonly crcs: ReadonlySet<number>;
  /** Where the keys that have not been read fall among the chunks of before. */
  private readonly unread: Map<string, number>;
  /** By the digest of the chunk that they are in now. */
  private readonly rows = new Map<string, Buffer[]>();
  private bytes = 0;

  constructor(keys: readonly LocatedKey[]) {
    this.crcs = new Set(keys.map(({ key }) => crc32(key) | 0));
    this.unread = new Map(keys.map(({ key, place }) => [key, place]));
  }

  take({ digest, content, marked = [] }: Chunk): void {
    const changed = marked.filter(({ start, keyEnd }) =>
      this.unread.delete(content.toString('utf8', start, keyEnd)),
    );
    this.bytes += changed.reduce((sum, { start, end }) => sum + end - start, 0);
    if (changed.length === 0 || this.bytes > MOST_BYTES) return;
    const copies = changed.map(({ start, end }) => Buffer.from(content.subarray(start, end)));
    this.rows.set(digest.toString('hex'), copies);
  }

  /** Undefined when comparing contents may give a much smaller patch, or nothing has changed. To be called last. */
  patch(base: readonly BaseChunk[], next: readonly BaseChunk[]): PatchContent[] | undefined {
    if (this.bytes > MOST_BYTES) return undefined;
    const gone = this.unreadByPlace();
    const spans = changedSpans(base.map(listed), next.map(listed));
    const ranges = spans.map(({ position, before, after }) => ({
      position,
      count: before.length,
      deletedKeys: before.flatMap((_, index) => gone.get(position + index) ?? []),
      rows: after.flatMap((chunk) => this.rows.get(chunk.digest) ?? []),
    }));
    const keys = ranges.reduce((sum, { deletedKeys, rows }) => sum + deletedKeys.length + rows.length, 0);
    const chunks = spans.reduce((sum, { before, after }) => sum + Math.max(before.length, after.length), 0);
    if (keys === 0 || keys > chunks * MOST_KEYS_A_CHUNK) return undefined;
    const writer = new PatchWriter();
    return [...ranges.flatMap((range) => writer.add(range)), ...writer.end()];
  }

  /** Of rows that are gone, or never were there. */
  private unreadByPlace(): Map<number, Buffer[]> {
    const byPlace = new Map<number, Buffer[]>();
    for (const [key, place] of this.unread) {
      const keys = byPlace.get(place) ?? [];
      keys.push(Buffer.from(`${key}\n`));
      byPlace.set(place, keys);
    }
    return byPlace;
  }
}

function listed({ digest, bytes, lastKey }: BaseChunk): ListedChunk {
  return { digest: digest.toString('hex'), bytes, lastKey };
}
