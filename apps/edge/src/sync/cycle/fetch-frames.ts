import { RivuletError } from '@rivulet/errors';
import {
  decodeFrame,
  FRAME_HEADER_BYTES,
  freeMemory,
  plannedFrames,
  toFrameRanges,
  type Frame,
  type SyncPlan,
} from '@rivulet/protocol';
import type { Hub, HubCall } from '../../hub/hub';
import type { SpoolFile } from '../../spool/spool-file';
import type { PlannedFrame } from '../../mirrors/plan-tables';

/** Ranges in one request; see FRAME_RANGES_MAX_LENGTH. */
const RANGES_PER_REQUEST = 150;

/**
 * Fetches the frames that the spool lacks. Each frame is checked against its digest before it is kept, so frames that
 * arrived before a connection broke need not be fetched again.
 */
export async function fetchMissing(
  hub: Hub,
  manifestId: string,
  wanted: PlannedFrame[],
  spool: SpoolFile,
  call: HubCall,
  onFetched: (bytes: number) => void,
): Promise<void> {
  const missing = missingFrames(wanted, spool);
  const ranges = toFrameRanges(missing.keys());
  for (let start = 0; start < ranges.length; start += RANGES_PER_REQUEST) {
    const frames = hub.frames(manifestId, ranges.slice(start, start + RANGES_PER_REQUEST), call);
    for await (const batch of frames) {
      const { good, problem } = checkFrames(batch, missing);
      await spool.append(good);
      onFetched(good.reduce((sum, frame) => sum + FRAME_HEADER_BYTES + frame.block.length, 0));
      if (problem !== undefined) throw problem;
    }
  }
  if (missing.size > 0) {
    throw new RivuletError(
      'FRAME_INVALID',
      `The payload ended without ${missing.size} frames that were requested.`,
    );
  }
}

/** Digests of the frames that are not in the spool, by number. A frame that occurs twice is fetched once. */
export function missingFrames(wanted: PlannedFrame[], spool: Pick<SpoolFile, 'has'>): Map<number, string> {
  const seen = new Set<string>();
  const missing = new Map<number, string>();
  for (const { number, digest } of wanted) {
    if (seen.has(digest) || spool.has(digest)) continue;
    seen.add(digest);
    missing.set(number, digest);
  }
  return missing;
}

/**
 * How many of the plan's bytes are still to be fetched. The size of frames that a mirror makes unnecessary is unknown:
 * they are assumed to be as large as the others.
 */
export function bytesToFetch(
  plan: SyncPlan,
  wanted: PlannedFrame[],
  spool: Pick<SpoolFile, 'bytesOf' | 'has'>,
): number {
  const spooled = wanted.filter(({ digest }) => spool.has(digest));
  const elsewhere = plannedFrames(plan).length - spooled.length;
  if (elsewhere === 0) return 0;
  const bytes = Math.max(0, plan.wireBytes - spool.bytesOf(new Set(spooled.map(({ digest }) => digest))));
  return Math.ceil((bytes * (wanted.length - spooled.length)) / elsewhere);
}

/** The frames before the first bad one, which are no longer missing, and the problem of the bad one. */
function checkFrames(batch: Frame[], missing: Map<number, string>): { good: Frame[]; problem?: unknown } {
  for (const [index, frame] of batch.entries()) {
    try {
      checkFrame(frame, missing);
    } catch (problem) {
      return { good: batch.slice(0, index), problem };
    }
    missing.delete(frame.header.number);
  }
  return { good: batch };
}

/** Frames that were not requested, or have arrived before, must not take up disk space. */
function checkFrame(frame: Frame, missing: Map<number, string>): void {
  const { number, digest } = frame.header;
  if (missing.get(number) !== digest.toString('hex')) {
    throw new RivuletError('FRAME_INVALID', `Frame ${number} of the payload is not the requested one.`);
  }
  const content = decodeFrame(frame);
  if (frame.header.encoding !== 'none') freeMemory(content);
}
