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
      `The payload ended without ${missing.size} frames that were asked for.`,
    );
  }
}

/** Digests of the chunks that are not in the spool, by frame number; a chunk that occurs twice is fetched once. */
export function missingFrames(plan: SyncPlan, spool: Pick<SpoolFile, 'has'>): Map<number, string> {
  const seen = new Set<string>();
  const missing = new Map<number, string>();
  for (const [number, digest] of plannedChunks(plan).entries()) {
    if (seen.has(digest) || spool.has(digest)) continue;
    seen.add(digest);
    missing.set(number, digest);
  }
  return missing;
}

/** What is still to come of the bytes that the plan announces. */
export function bytesToFetch(plan: SyncPlan, spool: Pick<SpoolFile, 'bytesOf'>): number {
  return Math.max(0, plan.wireBytes - spool.bytesOf(new Set(plannedChunks(plan))));
}

function plannedChunks(plan: SyncPlan): string[] {
  return plan.tables.flatMap((table) => (table.action === 'load' ? table.chunks : []));
}

/** The frames up to the first bad one, which are good and no longer missing, and what is wrong with that one. */
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

/** Nothing that was not asked for takes up room on the disk, and nothing does twice. */
function checkFrame(frame: Frame, missing: Map<number, string>): void {
  const { number, digest } = frame.header;
  if (missing.get(number) !== digest.toString('hex')) {
    throw new RivuletError(
      'FRAME_INVALID',
      `Frame ${number} of the payload is not the one that was asked for.`,
    );
  }
  decodeFrame(frame);
}
