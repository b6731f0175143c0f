import {
  decodeFrame,
  FRAME_HEADER_BYTES,
  RivuletError,
  toFrameRanges,
  type Frame,
  type SyncPlan,
} from '@rivulet/protocol';
import type { Hub, HubCall } from '../hub/hub';
import type { SpoolFile } from '../spool/spool-file';

/** Ranges asked for in one request; see FRAME_RANGES_MAX_LENGTH. */
const RANGES_PER_REQUEST = 150;

/** Frames that are checked and written in one go. */
const BATCH_FRAMES = 16;

/**
 * Fetches the chunks that the plan names and the spool lacks. Each is checked against its digest before it is
 * kept, so what a broken connection has brought need not be brought again.
 */
export async function fetchMissing(
  hub: Hub,
  manifestId: string,
  plan: SyncPlan,
  spool: SpoolFile,
  call: HubCall,
  onFetched: (bytes: number) => void,
): Promise<void> {
  const missing = missingFrames(plan, spool);
  const ranges = toFrameRanges(missing.keys());
  for (let start = 0; start < ranges.length; start += RANGES_PER_REQUEST) {
    const frames = hub.frames(manifestId, ranges.slice(start, start + RANGES_PER_REQUEST), call);
    for await (const batch of inBatches(frames, BATCH_FRAMES)) {
      for (const frame of batch) checkFrame(frame, missing);
      await spool.append(batch);
      onFetched(batch.reduce((sum, frame) => sum + FRAME_HEADER_BYTES + frame.block.length, 0));
    }
  }
}

/** Digests of the chunks that are not in the spool, by frame number; a chunk that occurs twice is fetched once. */
export function missingFrames(plan: SyncPlan, spool: Pick<SpoolFile, 'has'>): Map<number, string> {
  const digests = plan.tables.flatMap((table) => (table.action === 'load' ? table.chunks : []));
  const seen = new Set<string>();
  const missing = new Map<number, string>();
  for (const [number, digest] of digests.entries()) {
    if (seen.has(digest) || spool.has(digest)) continue;
    seen.add(digest);
    missing.set(number, digest);
  }
  return missing;
}

/** Nothing that was not asked for takes up room on the disk. */
function checkFrame(frame: Frame, wanted: Map<number, string>): void {
  const { number, digest } = frame.header;
  if (wanted.get(number) !== digest.toString('hex')) {
    throw new RivuletError(
      'FRAME_INVALID',
      `Frame ${number} of the payload is not the one that was asked for.`,
    );
  }
  decodeFrame(frame);
}

/** When the source fails, what had been gathered is yielded first. */
async function* inBatches(frames: AsyncIterable<Frame>, size: number): AsyncGenerator<Frame[], void> {
  let batch: Frame[] = [];
  try {
    for await (const frame of frames) {
      batch.push(frame);
      if (batch.length < size) continue;
      yield batch;
      batch = [];
    }
  } catch (error) {
    if (batch.length > 0) yield batch;
    throw error;
  }
  if (batch.length > 0) yield batch;
}
