import { RivuletError } from '@rivulet/errors';
import { Batched } from '@rivulet/platform';
import { isDatabaseUnavailable } from '@rivulet/postgres';
import type { FrameKind } from '@rivulet/protocol';
import type { DataSource } from 'typeorm';
import { listFrames, type FrameRow } from './manifest-queries';

/** A frame of a manifest's payload, before its block is read. */
export interface PlannedFrame {
  kind: Exclude<FrameKind, 'end'>;
  number: number;
  /** The table's place in the manifest. */
  table: number;
  digest: Buffer;
  /** Decoded; the block has no more. */
  contentBytes: number;
}

/** Frames of a manifest that is listed together with others, and how many of these. */
const FEW_FRAMES = 64;
const LISTED_AT_ONCE = 200;

/** The lists of the frames of manifests. Those of manifests that are asked for at once are read by one statement. */
export class FrameLists {
  private readonly reading = new Batched((ids: string[]) => this.readAll(ids), {
    maxItems: LISTED_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(private readonly database: DataSource) {}

  /** @throws RivuletError MANIFEST_EXPIRED when a snapshot that it names has been collected, or not all frames are listed */
  async find(manifestId: string): Promise<PlannedFrame[]> {
    const known = await this.reading.run(manifestId);
    const isLong = known[0] !== undefined && (known[0].frameCount ?? Infinity) > FEW_FRAMES;
    const rows = isLong ? await this.read([manifestId], null) : known;
    const frames = rows.filter(({ kind }) => kind !== null);
    const [state] = rows;
    if (state === undefined || state.isExpired || frames.length !== (state.frameCount ?? frames.length)) {
      throw new RivuletError(
        'MANIFEST_EXPIRED',
        `The payload of manifest ${manifestId} is no longer stored.`,
      );
    }
    return frames.map(({ kind, table, digest, contentBytes }, number) => ({
      kind: kind!,
      number,
      table,
      digest,
      contentBytes,
    }));
  }

  private async readAll(manifestIds: string[]): Promise<FrameRow[][]> {
    const rows = await this.read([...new Set(manifestIds)], FEW_FRAMES);
    const byId = new Map(manifestIds.map((id) => [id, [] as FrameRow[]]));
    for (const row of rows) byId.get(row.manifestId)!.push(row);
    return manifestIds.map((id) => byId.get(id)!);
  }

  private async read(manifestIds: string[], most: number | null): Promise<FrameRow[]> {
    return this.database.query<FrameRow[]>(listFrames, [manifestIds, most]);
  }
}
