import { hash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import {
  compareChunkLists,
  compareRows,
  decodeFrame,
  FRAME_HEADER_BYTES,
  PatchWriter,
  type PatchContent,
} from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { ChunkStore, type FrameContent } from './chunk-store';
import type { Snapshot } from './snapshot';

/** What leads from one snapshot to another, stored. */
export interface SnapshotPatch {
  baseSnapshotId: number;
  /** Digests of the frames in order, lower-case hex. */
  frames: string[];
  /** Bytes of the frames. */
  wireBytes: number;
}

/** A chunk of a snapshot, as its list names it. */
interface ListedChunk {
  /** Lower-case hex. */
  digest: string;
  /** Of its content. */
  bytes: number;
  lastKey: string;
}

/** Chunks that go and those that come in their place. */
interface ComparedSpan {
  /** Of the first that goes, in its list. */
  position: number;
  before: ListedChunk[];
  after: ListedChunk[];
  bytes: number;
}

/** Content that is in memory at once; a span with more is not compared row by row. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** New content after whose comparison it is seen whether a patch is worth the effort. */
const ENOUGH_BYTES = 8 * 1024 * 1024;

/** A patch is in memory until it is stored. Who needs more is sent chunks. */
const PATCH_MAX_BYTES = 16 * 1024 * 1024;

/** Makes patches between snapshots of one dataset, once for all devices that have the same and need the same. */
@Injectable()
export class SnapshotPatches {
  private readonly making = new Map<string, Promise<SnapshotPatch | undefined>>();

  constructor(
    private readonly database: DataSource,
    private readonly store: ChunkStore,
  ) {}

  /**
   * The patch for a device that has the content with this checksum; undefined when central has not, when that is
   * empty, or when too much is different. Who had it before, and when, does not matter.
   */
  async find(baseChecksum: string, target: Snapshot): Promise<SnapshotPatch | undefined> {
    const [base] = await this.database.query<{ snapshotId: string }[]>(
      'SELECT snapshot_id AS "snapshotId" FROM rivulet.snapshots WHERE checksum = $1 AND dataset = $2 AND rows > 0',
      [baseChecksum, target.dataset.schema.name],
    );
    if (base === undefined) return undefined;
    const baseSnapshotId = Number(base.snapshotId);
    const name = `${baseSnapshotId} ${target.snapshotId}`;
    let making = this.making.get(name);
    if (making === undefined) {
      making = this.findOrMake(baseSnapshotId, target).finally(() => this.making.delete(name));
      this.making.set(name, making);
    }
    return making;
  }

  private async findOrMake(baseSnapshotId: number, target: Snapshot): Promise<SnapshotPatch | undefined> {
    const stored = await this.read(baseSnapshotId, target.snapshotId);
    if (stored !== undefined) return stored;
    const base = await this.chunksOf(baseSnapshotId);
    const next = await this.chunksOf(target.snapshotId);
    const spans = compareLists(base, next);
    if (spans.some(({ bytes }) => bytes > BATCH_BYTES)) return undefined;
    await this.store.keepingAll([], async () => {
      const contents = await this.compare(spans, target.dataset.schema.key.length);
      if (contents !== undefined) await this.write(baseSnapshotId, target.snapshotId, contents);
    });
    return this.read(baseSnapshotId, target.snapshotId);
  }

  /** Undefined when a chunk is no longer stored, or when sending chunks is as good. */
  private async compare(spans: ComparedSpan[], keyColumns: number): Promise<PatchContent[] | undefined> {
    const writer = new PatchWriter();
    const contents: PatchContent[] = [];
    let comparedBytes = 0;
    for (const batch of inBatches(spans)) {
      const chunks = await this.contentsOf(batch.flatMap(({ before, after }) => [...before, ...after]));
      if (chunks === undefined) return undefined;
      const join = (list: ListedChunk[]): Buffer =>
        Buffer.concat(list.map(({ digest }) => chunks.get(digest)!));
      for (const { position, before, after } of batch) {
        const { deletedKeys, rows } = compareRows(join(before), join(after), keyColumns);
        contents.push(...writer.add({ position, count: before.length, deletedKeys, rows }));
        // Rows are compared in one go; others may go on in between.
        await setImmediate();
      }
      comparedBytes += bytesOf(batch.flatMap(({ after }) => after));
      const patchBytes = contents.reduce((sum, { content }) => sum + content.length, 0);
      if (patchBytes > PATCH_MAX_BYTES) return undefined;
      if (comparedBytes > ENOUGH_BYTES && patchBytes > comparedBytes / 2) return undefined;
    }
    return [...contents, ...writer.end()];
  }

  private async contentsOf(chunks: ListedChunk[]): Promise<Map<string, Buffer> | undefined> {
    const contents = new Map<string, Buffer>();
    for (const stored of await this.store.read(chunks.map(({ digest }) => Buffer.from(digest, 'hex')))) {
      if (stored === undefined) return undefined;
      const { block, ...rest } = stored;
      const header = { kind: 'chunk', table: 0, number: 0, blockBytes: block.length, ...rest } as const;
      contents.set(stored.digest.toString('hex'), decodeFrame({ header, block }));
    }
    return contents;
  }

  private async write(baseSnapshotId: number, snapshotId: number, contents: PatchContent[]): Promise<void> {
    const frames = contents.map(({ content, rows }): FrameContent => {
      return { digest: hash('sha256', content, 'buffer'), rows, bytes: content.length, content };
    });
    for (const frame of frames) await this.store.add([frame]);
    await this.database.query(
      `INSERT INTO rivulet.snapshot_patches (base_snapshot_id, snapshot_id, position, digest, content_bytes)
       SELECT $1, $2, position - 1, digest, bytes
       FROM unnest($3::bytea[], $4::int[]) WITH ORDINALITY AS frame (digest, bytes, position)
       ON CONFLICT DO NOTHING`,
      [baseSnapshotId, snapshotId, frames.map(({ digest }) => digest), frames.map(({ bytes }) => bytes)],
    );
  }

  private async read(baseSnapshotId: number, snapshotId: number): Promise<SnapshotPatch | undefined> {
    const rows = await this.database.query<{ digest: string; blockBytes: number }[]>(readPatch, [
      baseSnapshotId,
      snapshotId,
    ]);
    if (rows.length === 0) return undefined;
    const wireBytes = rows.reduce((sum, { blockBytes }) => sum + FRAME_HEADER_BYTES + blockBytes, 0);
    return { baseSnapshotId, frames: rows.map(({ digest }) => digest), wireBytes };
  }

  private async chunksOf(snapshotId: number): Promise<ListedChunk[]> {
    return this.database.query<ListedChunk[]>(
      `SELECT encode(digest, 'hex') AS digest, content_bytes AS bytes, last_key AS "lastKey"
       FROM rivulet.snapshot_chunks
       WHERE snapshot_id = $1 ORDER BY position`,
      [snapshotId],
    );
  }
}

/** The length of a block is read from its TOAST pointer, not from the block. */
const readPatch = `
SELECT encode(digest, 'hex') AS digest, octet_length(block) AS "blockBytes"
FROM rivulet.snapshot_patches JOIN rivulet.chunks USING (digest)
WHERE base_snapshot_id = $1 AND snapshot_id = $2
ORDER BY position`;

/**
 * Where two lists differ, in pieces as small as can be: many changes far apart can leave no chunk as it was, but most
 * still end with the same row.
 */
function compareLists(base: ListedChunk[], next: ListedChunk[]): ComparedSpan[] {
  const spans = compareChunkLists(base.map(digestOf), next.map(digestOf));
  return spans.flatMap(({ position, count, newPosition, newCount }) => {
    const goes = base.slice(position, position + count);
    const comes = next.slice(newPosition, newPosition + newCount);
    return splitAtCommonEnds(goes, comes).map(({ before, after, offset }) => {
      return { position: position + offset, before, after, bytes: bytesOf(before) + bytesOf(after) };
    });
  });
}

function splitAtCommonEnds(
  goes: ListedChunk[],
  comes: ListedChunk[],
): { before: ListedChunk[]; after: ListedChunk[]; offset: number }[] {
  const places = new Map(goes.map(({ lastKey }, place) => [lastKey, place]));
  const pieces: ReturnType<typeof splitAtCommonEnds> = [];
  let offset = 0;
  let start = 0;
  const cut = (end: number, newEnd: number): void => {
    if (end > offset || newEnd > start) {
      pieces.push({ before: goes.slice(offset, end), after: comes.slice(start, newEnd), offset });
    }
    offset = end;
    start = newEnd;
  };
  for (const [newPlace, { lastKey }] of comes.entries()) {
    const place = places.get(lastKey);
    if (place !== undefined && place >= offset) cut(place + 1, newPlace + 1);
  }
  cut(goes.length, comes.length);
  return pieces;
}

function* inBatches(spans: ComparedSpan[]): Generator<ComparedSpan[], void> {
  let batch: ComparedSpan[] = [];
  for (const span of spans) {
    if (batch.length > 0 && bytesOf(batch) + span.bytes > BATCH_BYTES) {
      yield batch;
      batch = [];
    }
    batch.push(span);
  }
  if (batch.length > 0) yield batch;
}

function digestOf({ digest }: ListedChunk): string {
  return digest;
}

function bytesOf(parts: { bytes: number }[]): number {
  return parts.reduce((total, { bytes }) => total + bytes, 0);
}
