import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { FRAME_HEADER_BYTES, type PatchContent } from '@rivulet/protocol';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable, preparedStatement } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { ChunkStore, type FrameContent } from '../chunk-store';
import { runWhileNothingIsCollected } from '../snapshot-locks';
import { StoreLoss } from '../store-loss';

/** Patches between snapshots, stored. */
export interface StoredPatch {
  baseSnapshotId: number;
  /** Digests of the frames in order, lower-case hex. */
  frames: string[];
  /** Bytes of the frames. */
  wireBytes: number;
}

/** Patches that are looked up in one statement. */
const PATCHES_AT_ONCE = 200;

/** Patches by the two snapshots that they lead from and to, in central's database; their frames are in the chunk store. */
@Injectable()
export class PatchStore {
  private readonly finding = new Batched((pairs: SnapshotPair[]) => this.findAll(pairs), {
    maxItems: PATCHES_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(
    private readonly database: DataSource,
    private readonly chunks: ChunkStore,
  ) {}

  /** @throws StoreLoss when a frame of it is no longer stored */
  async find(baseSnapshotId: number, snapshotId: number): Promise<StoredPatch | undefined> {
    const rows = await this.finding.run({ baseSnapshotId, snapshotId });
    if (rows.length === 0) return undefined;
    const frameCount = rows[0]!.frameCount ?? rows.length;
    if (rows.length !== frameCount || rows.some(({ blockBytes }) => blockBytes === null)) {
      throw new StoreLoss('Frames of a patch are no longer stored.');
    }
    const wireBytes = rows.reduce((sum, { blockBytes }) => sum + FRAME_HEADER_BYTES + blockBytes!, 0);
    return { baseSnapshotId, frames: rows.map(({ digest }) => digest), wireBytes };
  }

  private async findAll(pairs: SnapshotPair[]): Promise<FrameRow[][]> {
    const distinct = [...new Map(pairs.map((pair) => [nameOf(pair), pair])).values()];
    const rows = await this.database.query<FrameRow[]>(readPatches, [
      distinct.map(({ baseSnapshotId }) => baseSnapshotId),
      distinct.map(({ snapshotId }) => snapshotId),
    ]);
    const byPair = new Map(distinct.map((pair) => [nameOf(pair), [] as FrameRow[]]));
    for (const row of rows) byPair.get(nameOf(row))!.push(row);
    return pairs.map((pair) => byPair.get(nameOf(pair))!);
  }

  /** @returns it; undefined when a frame was collected in this moment, or somebody else has entered it */
  async add(
    baseSnapshotId: number,
    snapshotId: number,
    contents: PatchContent[],
  ): Promise<StoredPatch | undefined> {
    const frames = contents.map(({ content, rows }): FrameContent => {
      return { digest: hash('sha256', content, 'buffer'), rows, bytes: content.length, content };
    });
    let wireBytes = 0;
    for (const frame of frames) {
      const { blockBytes } = await this.chunks.add([frame]);
      wireBytes += FRAME_HEADER_BYTES + blockBytes;
    }
    const statement = insertPatch(baseSnapshotId, snapshotId, frames);
    const entered = await runWhileNothingIsCollected(this.database, statement);
    // A frame that was stored before may have a block of another size.
    if (entered !== frames.length || Number.isNaN(wireBytes)) return this.find(baseSnapshotId, snapshotId);
    return { baseSnapshotId, frames: frames.map(({ digest }) => digest.toString('hex')), wireBytes };
  }
}

interface SnapshotPair {
  baseSnapshotId: number;
  snapshotId: number;
}

interface FrameRow extends Record<keyof SnapshotPair, string> {
  digest: string;
  blockBytes: number | null;
  /** The frames of the whole patch; null where not recorded. */
  frameCount: number | null;
}

function nameOf({ baseSnapshotId, snapshotId }: Record<keyof SnapshotPair, number | string>): string {
  return `${baseSnapshotId} ${snapshotId}`;
}

/** The length of a block is read from its TOAST pointer, not from the block. */
const readPatches = preparedStatement(
  'rivulet patches',
  `
SELECT base_snapshot_id AS "baseSnapshotId", snapshot_id AS "snapshotId", encode(digest, 'hex') AS digest,
       octet_length(block) AS "blockBytes", frame_count AS "frameCount"
FROM unnest($1::bigint[], $2::bigint[]) AS asked (base_snapshot_id, snapshot_id)
JOIN rivulet.snapshot_patches USING (base_snapshot_id, snapshot_id) LEFT JOIN rivulet.chunks USING (digest)
ORDER BY base_snapshot_id, snapshot_id, position`,
);

/** With literals, as it is sent with the statement before it. With E they are the same where standard_conforming_strings is off. */
function insertPatch(baseSnapshotId: number, snapshotId: number, frames: FrameContent[]): string {
  const listed = frames.map(
    ({ digest, bytes }, position) => `(${position}, E'\\\\x${digest.toString('hex')}'::bytea, ${bytes})`,
  );
  return `
WITH frame (position, digest, bytes) AS (VALUES ${listed.join(', ')})
INSERT INTO rivulet.snapshot_patches (base_snapshot_id, snapshot_id, position, digest, content_bytes, frame_count)
SELECT ${baseSnapshotId}, ${snapshotId}, position, digest, bytes, ${frames.length} FROM frame
WHERE NOT EXISTS (
  SELECT FROM frame AS wanted
  WHERE NOT EXISTS (SELECT FROM rivulet.chunks WHERE chunks.digest = wanted.digest)
)
ON CONFLICT DO NOTHING`;
}
