import { RivuletError } from '@rivulet/errors';
import {
  COLLECTION_ROW_MAX_BYTES,
  decodeFrame,
  FrameDecoder,
  FRAMES_CONTENT_TYPE,
  freeMemory,
  parseChunkEdits,
  type ChunkEdit,
  type Frame,
} from '@rivulet/protocol';
import type { StoredOffer } from '../runs/task-queue';

/** The chunks of one body of frames. */
export interface SentFrames {
  /** Chunks of the offer, each checked against its digest. */
  chunks: Frame[];
  /** Frames of chunks that are in the offer; their content is not checked yet. */
  edits: ChunkEdit[];
}

/**
 * @param body - whole frames; whatever was sent as JSON, or nothing at all, is none
 * @throws RivuletError COLLECTION_OFFER_INVALID · MEDIA_TYPE_UNSUPPORTED
 */
export function readFrames(body: unknown, { digests }: StoredOffer): SentFrames {
  if (!Buffer.isBuffer(body))
    throw new RivuletError('MEDIA_TYPE_UNSUPPORTED', `Chunks are sent as ${FRAMES_CONTENT_TYPE}.`);
  return refusable(() => {
    const decoder = new FrameDecoder(COLLECTION_ROW_MAX_BYTES);
    const sent: SentFrames = { chunks: [], edits: [] };
    const known = Buffer.from(digests, 'base64');
    for (const frame of decoder.push(body)) {
      const { kind, number, digest } = frame.header;
      const content = decodeFrame(frame);
      if (kind === 'patch') sent.edits.push(...parseChunkEdits(content));
      else if (kind === 'chunk' && digest.equals(known.subarray(number * 32, (number + 1) * 32))) {
        sent.chunks.push(frame);
        if (frame.header.encoding !== 'none') freeMemory(content);
      } else throw invalid(`frame ${number} is none of the offer`);
    }
    if (decoder.pendingBytes > 0) throw invalid('the body ends within a frame');
    return sent;
  });
}

function refusable<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RivuletError && error.code !== 'COLLECTION_OFFER_INVALID')
      throw invalid(error.message);
    throw error;
  }
}

function invalid(reason: string): RivuletError {
  return new RivuletError(
    'COLLECTION_OFFER_INVALID',
    `The chunks are not valid: ${reason.replace(/\.$/, '')}.`,
  );
}
