import { Injectable } from '@nestjs/common';
import { RivuletError } from '@rivulet/errors';
import { Batched } from '@rivulet/platform';
import { inBatches, isDatabaseUnavailable } from '@rivulet/postgres';
import { encodeEndFrame, encodeFrameHeader, parseFrameRanges, type Frame } from '@rivulet/protocol';
import type { Device } from '../devices/device';
import { DeviceSyncMetrics } from './device-sync.metrics';
import { ZlibBlocks, type BlockCompression } from './block-compression';
import type { PlannedFrame } from './manifests/frame-lists';
import { ManifestService } from './manifests/manifest.service';
import { ChunkStore, type StoredChunk } from '../snapshots/chunk-store';

/** Decoded bytes of the chunks that a download has read from the store at once. */
const BATCH_BYTES = 512 * 1024;

/** Decoded bytes of a payload whose blocks are read together with those of others, each block once; and how many of these. */
const SHARED_BYTES = 384 * 1024;
const READS_AT_ONCE = 16;

@Injectable()
export class PayloadService {
  private readonly sharedReads = new Batched((lists: Buffer[][]) => this.readAll(lists), {
    maxItems: READS_AT_ONCE,
    isOfAll: isDatabaseUnavailable,
  });

  constructor(
    private readonly manifests: ManifestService,
    private readonly store: ChunkStore,
    private readonly zlibBlocks: ZlibBlocks,
    private readonly metrics: DeviceSyncMetrics,
  ) {}

  /**
   * The frames of a manifest's plan, all or those in `ranges`, as a stream of bytes; or as a list of pieces where there is
   * little of it. Blocks with zstd are sent as they are stored.
   *
   * @throws RivuletError MANIFEST_UNKNOWN · FRAMES_INVALID · MANIFEST_EXPIRED, the last possibly mid-stream
   */
  async open(
    manifestId: string,
    device: Device,
    ranges: string | undefined,
    compression: BlockCompression,
  ): Promise<AsyncGenerator<Buffer, void> | Buffer[]> {
    const planned = await this.manifests.plannedFrames(manifestId, device);
    const wanted =
      ranges === undefined
        ? planned
        : parseFrameRanges(ranges, planned.length).flatMap(({ first, last }) =>
            planned.slice(first, last + 1),
          );
    const frames = this.frames(manifestId, wanted, planned.length, compression);
    return isShared(wanted) ? listOf(frames) : frames;
  }

  private async readAll(lists: Buffer[][]): Promise<(StoredChunk | undefined)[][]> {
    const digests = new Map(lists.flat().map((digest) => [digest.toString('hex'), digest]));
    const chunks = await this.store.readToSend([...digests.values()]);
    const byDigest = new Map([...digests.keys()].map((digest, index) => [digest, chunks[index]]));
    return lists.map((list) => list.map((digest) => byDigest.get(digest.toString('hex'))));
  }

  private async *frames(
    manifestId: string,
    wanted: PlannedFrame[],
    frameCount: number,
    compression: BlockCompression,
  ): AsyncGenerator<Buffer, void> {
    for (const batch of inBatches(wanted, ({ contentBytes }) => contentBytes, BATCH_BYTES)) {
      const digests = batch.map((frame) => frame.digest);
      const chunks = await (isShared(wanted) ? this.sharedReads.run(digests) : this.store.read(digests));
      for (const [index, chunk] of chunks.entries()) {
        if (chunk === undefined) {
          throw new RivuletError(
            'MANIFEST_EXPIRED',
            `A chunk of manifest ${manifestId} is no longer stored.`,
          );
        }
        const stored = frameOf(batch[index]!, chunk);
        const { header, block } =
          compression === 'zlib' ? await this.recompress(manifestId, stored, wanted) : stored;
        const head = encodeFrameHeader(header);
        yield head;
        yield block;
        this.metrics.payloadBytes.inc(head.length + block.length);
      }
    }
    yield encodeEndFrame(frameCount);
  }

  private async recompress(manifestId: string, stored: Frame, wanted: PlannedFrame[]): Promise<Frame> {
    try {
      return await this.zlibBlocks.recompress(stored);
    } catch (cause) {
      await this.store.removeDamaged(wanted.map(({ digest }) => digest));
      throw new RivuletError('MANIFEST_EXPIRED', `A chunk of manifest ${manifestId} was damaged.`, { cause });
    }
  }
}

async function listOf(frames: AsyncGenerator<Buffer, void>): Promise<Buffer[]> {
  const pieces: Buffer[] = [];
  for await (const piece of frames) pieces.push(piece);
  return pieces;
}

function isShared(frames: PlannedFrame[]): boolean {
  return frames.reduce((sum, { contentBytes }) => sum + contentBytes, 0) <= SHARED_BYTES;
}

function frameOf({ kind, number, table }: PlannedFrame, chunk: StoredChunk): Frame {
  const { digest, rows, contentBytes, encoding, block } = chunk;
  return {
    header: { kind, number, table, digest, rows, contentBytes, encoding, blockBytes: block.length },
    block,
  };
}
