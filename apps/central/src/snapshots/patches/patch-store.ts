import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { FRAME_HEADER_BYTES, type PatchContent } from '@rivulet/protocol';
import { DataSource } from 'typeorm';
import { ChunkStore, type FrameContent } from '../chunk-store';

/** What leads from one snapshot to another, stored. */
export interface StoredPatch {
  baseSnapshotId: number;
  /** Digests of the frames in order, lower-case hex. */
  frames: string[];
  /** Bytes of the frames. */
  wireBytes: number;
}

/** Patches by the two snapshots that they lead from and to, in central's database; their frames are in the chunk store. */
@Injectable()
export class PatchStore {
  constructor(
    private readonly database: DataSource,
    private readonly chunks: ChunkStore,
  ) {}

  async find(baseSnapshotId: number, snapshotId: number): Promise<StoredPatch | undefined> {
    const rows = await this.database.query<{ digest: string; blockBytes: number }[]>(readPatch, [
      baseSnapshotId,
      snapshotId,
    ]);
    if (rows.length === 0) return undefined;
    const wireBytes = rows.reduce((sum, { blockBytes }) => sum + FRAME_HEADER_BYTES + blockBytes, 0);
    return { baseSnapshotId, frames: rows.map(({ digest }) => digest), wireBytes };
  }

  /** Nothing may be collected meanwhile. */
  async add(baseSnapshotId: number, snapshotId: number, contents: PatchContent[]): Promise<void> {
    const frames = contents.map(({ content, rows }): FrameContent => {
      return { digest: hash('sha256', content, 'buffer'), rows, bytes: content.length, content };
    });
    for (const frame of frames) await this.chunks.add([frame]);
    const digests = frames.map(({ digest }) => digest);
    const bytes = frames.map((frame) => frame.bytes);
    await this.database.query(insertPatch, [baseSnapshotId, snapshotId, digests, bytes]);
  }
}

/** The length of a block is read from its TOAST pointer, not from the block. */
const readPatch = `
SELECT encode(digest, 'hex') AS digest, octet_length(block) AS "blockBytes"
FROM rivulet.snapshot_patches JOIN rivulet.chunks USING (digest)
WHERE base_snapshot_id = $1 AND snapshot_id = $2
ORDER BY position`;

const insertPatch = `
INSERT INTO rivulet.snapshot_patches (base_snapshot_id, snapshot_id, position, digest, content_bytes)
SELECT $1, $2, position - 1, digest, bytes
FROM unnest($3::bytea[], $4::int[]) WITH ORDINALITY AS frame (digest, bytes, position)
ON CONFLICT DO NOTHING`;
