import { RivuletError } from '@rivulet/errors';
import {
  COLLECTION_ROW_MAX_BYTES,
  decodeFrame,
  FrameDecoder,
  parseChunkEdits,
  type ChunkEdit,
  type Frame,
} from '@rivulet/protocol';
import type { StoredOffer } from '../runs/task-queue';

/** What one body of frames has. */
export interface SentFrames {
  /** Chunks of the offer, each checked against its digest. */
  chunks: Frame[];
  /** Of chunks of the offer, which are not checked yet. */
  edits: ChunkEdit[];
}

/** @param body - whole frames @throws RivuletError COLLECTION_OFFER_INVALID */
export function readFrames(body: Buffer, { digests }: StoredOffer): SentFrames {
  return refusable(() => {
    const decoder = new FrameDecoder(COLLECTION_ROW_MAX_BYTES);
    const sent: SentFrames = { chunks: [], edits: [] };
    const known = Buffer.from(digests, 'base64');
    for (const frame of decoder.push(body)) {
      const { kind, number, digest } = frame.header;
      const content = decodeFrame(frame);
      if (kind === 'patch') sent.edits.push(...parseChunkEdits(content));
      else if (kind === 'chunk' && digest.equals(known.subarray(number * 32, (number + 1) * 32)))
        sent.chunks.push(frame);
      else throw invalid(`frame ${number} is none of the offer`);
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
