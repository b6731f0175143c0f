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

interface AskedManifest {
  manifestId: string;
  /** Null: whoever's it is. */
  macAddress: string | null;
}

/** The lists of the frames of manifests. Those of manifests that are asked for at once are read by one statement. */
export class FrameLists {
  private readonly reading = new Batched((asked: AskedManifest[]) => this.readAll(asked), {
    maxItems: LISTED_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(private readonly database: DataSource) {}

  /**
   * Undefined where there is no such manifest, or it is not the device's.
   *
   * @throws RivuletError MANIFEST_EXPIRED when a snapshot that it names has been collected, or not all frames are listed
   */
  async find(manifestId: string, macAddress: string | null): Promise<PlannedFrame[] | undefined> {
    const asked = { manifestId, macAddress };
    const known = await this.reading.run(asked);
    if (known.length === 0) return undefined;
    const isLong = (known[0]!.frameCount ?? Infinity) > FEW_FRAMES;
    const rows = isLong ? await this.read([asked], null) : known;
    const frames = rows.filter(({ kind }) => kind !== null);
    const frameCount = rows[0]?.frameCount ?? frames.length;
    if (rows.some(({ isExpired }) => isExpired === true) || frames.length !== frameCount) {
      throw new RivuletError(
        'MANIFEST_EXPIRED',
        `The payload of manifest ${manifestId} is no longer stored.`,
      );
    }
    return frames.map(({ kind, table, digest, contentBytes }, number) => ({
      kind: kind!,
      number,
      table: table!,
      digest,
      contentBytes,
    }));
  }

  private async readAll(asked: AskedManifest[]): Promise<FrameRow[][]> {
    const lists = asked.map((): FrameRow[] => []);
    for (const row of await this.read(asked, FEW_FRAMES)) lists[Number(row.place) - 1]!.push(row);
    return lists;
  }

  private async read(asked: AskedManifest[], most: number | null): Promise<FrameRow[]> {
    return this.database.query<FrameRow[]>(listFrames, [
      asked.map(({ manifestId }) => manifestId),
      asked.map(({ macAddress }) => macAddress),
      most,
    ]);
  }
}
