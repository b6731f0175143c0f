import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { encodeEndFrame, encodeFrameHeader, parseFrameRanges } from '@rivulet/protocol';
import type { Device } from '../devices/device';
import { DeviceSyncMetrics } from './device-sync.metrics';
import { ManifestService, type PlannedFrame } from './manifests/manifest.service';
import { ChunkStore } from '../snapshots/chunk-store';

/** Decoded bytes of the chunks that are read from the store at once: about a quarter of a megabyte of blocks. */
const BATCH_BYTES = 1024 * 1024;

@Injectable()
export class PayloadService {
  constructor(
    private readonly manifests: ManifestService,
    private readonly store: ChunkStore,
    private readonly metrics: DeviceSyncMetrics,
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
        ? planned
        : parseFrameRanges(ranges, planned.length).flatMap(({ first, last }) =>
            planned.slice(first, last + 1),
          );
    return this.frames(manifestId, wanted, planned.length);
  }

  private async *frames(
    manifestId: string,
    wanted: PlannedFrame[],
    frameCount: number,
  ): AsyncGenerator<Buffer, void> {
    for (const batch of inBatches(wanted)) {
      const chunks = await this.store.read(batch.map((frame) => frame.digest));
      for (const [index, chunk] of chunks.entries()) {
        if (chunk === undefined) {
          throw new RivuletError(
            'MANIFEST_EXPIRED',
            `A chunk of manifest ${manifestId} is no longer stored.`,
          );
        }
        const { kind, number, table } = batch[index]!;
        const { digest, rows, contentBytes, encoding, block } = chunk;
        const header = { kind, number, table, digest, rows, contentBytes, encoding } as const;
        const head = encodeFrameHeader({ ...header, blockBytes: block.length });
        yield head;
        yield block;
        this.metrics.payloadBytes.inc(head.length + block.length);
      }
    }
    yield encodeEndFrame(frameCount);
  }
}

/** A single frame may be larger than a batch is. */
function* inBatches(frames: PlannedFrame[]): Generator<PlannedFrame[], void> {
  let batch: PlannedFrame[] = [];
  let bytes = 0;
  for (const frame of frames) {
    if (batch.length > 0 && bytes + frame.contentBytes > BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(frame);
    bytes += frame.contentBytes;
  }
  if (batch.length > 0) yield batch;
}
