import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { FRAME_HEADER_BYTES, type PatchContent } from '@rivulet/protocol';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable, preparedStatement } from '@rivulet/postgres';
import { DataSource } from 'typeorm';
import { ChunkStore, type FrameContent } from '../chunk-store';
import { runWhileNothingIsCollected } from '../snapshot-locks';
import type { Snapshot } from '../snapshot';
import { StoreLoss } from '../store-loss';

/** Patches between snapshots, stored. */
export interface StoredPatch {
  baseSnapshotId: number;
  /** Digests of the frames in order, lower-case hex. */
  frames: string[];
  /** Bytes of the frames. */
  wireBytes: number;
}

/** What a device has, and the snapshot that it needs. */
export interface WantedPatch {
  checksum: string;
  dataset: string;
  snapshotId: number;
}

export type Base = Pick<Snapshot, 'snapshotId' | 'bytes'>;

/** `base` undefined where central has no such content, or it is empty; `patch` where none is stored. */
export interface KnownPatch {
  base: Base | undefined;
  patch: StoredPatch | undefined;
}

/** Patches that are looked up in one statement. */
const PATCHES_AT_ONCE = 200;

/** Patches by the two snapshots that they lead from and to, in central's database; their frames are in the chunk store. */
@Injectable()
export class PatchStore {
  private readonly finding = new Batched((wanted: WantedPatch[]) => this.findAll(wanted), {
    maxItems: PATCHES_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(
    private readonly database: DataSource,
    private readonly chunks: ChunkStore,
  ) {}

  /** @throws StoreLoss when a frame of it is no longer stored */
  async find(wanted: WantedPatch): Promise<KnownPatch> {
    const rows = await this.finding.run(wanted);
    const [first] = rows;
    if (first === undefined) return { base: undefined, patch: undefined };
    const base = { snapshotId: Number(first.baseSnapshotId), bytes: Number(first.baseBytes) };
    if (first.digest === null) return { base, patch: undefined };
    if (
      rows.length !== (first.frameCount ?? rows.length) ||
      rows.some(({ blockBytes }) => blockBytes === null)
    ) {
      throw new StoreLoss('Frames of a patch are no longer stored.');
    }
    const wireBytes = rows.reduce((sum, { blockBytes }) => sum + FRAME_HEADER_BYTES + blockBytes!, 0);
    const frames = rows.map(({ digest }) => digest!);
    return { base, patch: { baseSnapshotId: base.snapshotId, frames, wireBytes } };
  }

  private async findAll(wanted: WantedPatch[]): Promise<FrameRow[][]> {
    const distinct = [...new Map(wanted.map((one) => [nameOf(one), one])).values()];
    const rows = await this.database.query<FrameRow[]>(readPatches, [
      distinct.map(({ checksum }) => checksum),
      distinct.map(({ dataset }) => dataset),
      distinct.map(({ snapshotId }) => snapshotId),
    ]);
    const byName = new Map(distinct.map((one) => [nameOf(one), [] as FrameRow[]]));
    for (const row of rows) byName.get(nameOf(distinct[Number(row.place) - 1]!))!.push(row);
    return wanted.map((one) => byName.get(nameOf(one))!);
  }

  /**
   * @returns it; undefined when a frame was collected in this moment, when somebody else has entered it, or when a frame was
   *   stored before, whose block may have another size: then it is to be looked up
   */
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
      const { blockBytes } = await this.chunks.add([frame], { isSoonSent: true });
      wireBytes += FRAME_HEADER_BYTES + blockBytes;
    }
    const statement = insertPatch(baseSnapshotId, snapshotId, frames);
    const entered = await runWhileNothingIsCollected(this.database, statement);
    if (entered !== frames.length || Number.isNaN(wireBytes)) return undefined;
    return { baseSnapshotId, frames: frames.map(({ digest }) => digest.toString('hex')), wireBytes };
  }
}

interface FrameRow {
  /** That of the wanted patch, from 1. */
  place: string;
  baseSnapshotId: string;
  baseBytes: string;
  /** Null where no patch is stored. */
  digest: string | null;
  blockBytes: number | null;
  /** The frames of the whole patch; null where not recorded. */
  frameCount: number | null;
}

function nameOf({ checksum, dataset, snapshotId }: WantedPatch): string {
  return `${checksum} ${snapshotId} ${dataset}`;
}

/**
 * The length of a block is read from its TOAST pointer, not from the block. OFFSET 0 keeps PostgreSQL from reading all of a
 * table of whose size it has not learned yet.
 */
const readPatches = preparedStatement(
  'rivulet patches',
  `
SELECT place, base.snapshot_id AS "baseSnapshotId", base.bytes AS "baseBytes", encode(patch.digest, 'hex') AS digest,
       frame.bytes AS "blockBytes", frame_count AS "frameCount"
FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS asked (checksum, dataset, snapshot_id, place)
JOIN LATERAL (
  SELECT snapshot_id, bytes FROM rivulet.snapshots
  WHERE snapshots.checksum = asked.checksum AND snapshots.dataset = asked.dataset AND rows > 0 OFFSET 0
) AS base ON true
LEFT JOIN LATERAL (
  SELECT position, digest, frame_count FROM rivulet.snapshot_patches AS stored
  WHERE stored.base_snapshot_id = base.snapshot_id AND stored.snapshot_id = asked.snapshot_id OFFSET 0
) AS patch ON true
LEFT JOIN LATERAL (
  SELECT octet_length(block) AS bytes FROM rivulet.chunks WHERE chunks.digest = patch.digest OFFSET 0
) AS frame ON true
ORDER BY place, position`,
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
