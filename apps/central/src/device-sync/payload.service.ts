import { Injectable } from '@nestjs/common';
import {
  encodeEndFrame,
  encodeFrameHeader,
  parseFrameRanges,
  RivuletError,
  type FrameRange,
} from '@rivulet/protocol';
import type { Device } from '../devices/device';
import { ManifestService, type PlannedFrame } from '../manifests/manifest.service';
import { ChunkStore } from '../snapshots/chunk-store';

/** Frames that are read from the store at once: about half a megabyte of blocks. */
const BATCH_FRAMES = 32;

@Injectable()
export class PayloadService {
  constructor(
    private readonly manifests: ManifestService,
    private readonly store: ChunkStore,
  ) {}

  /**
   * The frames of a manifest's plan, all or those in `ranges`, as a stream of bytes. The blocks are sent as they
   * are stored.
   *
   * @throws RivuletError MANIFEST_UNKNOWN · FRAMES_INVALID · MANIFEST_EXPIRED, the last possibly mid-stream
   */
  async open(
    manifestId: string,
    device: Device,
    ranges: string | undefined,
  ): Promise<AsyncGenerator<Buffer, void>> {
    await this.manifests.find(manifestId, device);
    const planned = await this.manifests.plannedFrames(manifestId);
    const wanted =
      ranges === undefined
        ? [{ first: 0, last: planned.length - 1 }]
        : parseFrameRanges(ranges, planned.length);
    return this.frames(manifestId, planned, wanted);
  }

  private async *frames(
    manifestId: string,
    planned: PlannedFrame[],
    ranges: FrameRange[],
  ): AsyncGenerator<Buffer, void> {
    for (const { first, last } of ranges) {
      for (let start = first; start <= last; start += BATCH_FRAMES) {
        const batch = planned.slice(start, Math.min(start + BATCH_FRAMES, last + 1));
        const chunks = await this.store.read(batch.map((frame) => frame.digest));
        for (const [index, chunk] of chunks.entries()) {
          if (chunk === undefined) {
            throw new RivuletError(
              'MANIFEST_EXPIRED',
              `A chunk of manifest ${manifestId} is no longer stored.`,
            );
          }
          const { number, table } = batch[index]!;
          const { digest, rows, contentBytes, encoding, block } = chunk;
          const header = { kind: 'chunk', number, table, digest, rows, contentBytes, encoding } as const;
          yield encodeFrameHeader({ ...header, blockBytes: block.length });
          yield block;
        }
      }
    }
    yield encodeEndFrame(planned.length);
  }
}
