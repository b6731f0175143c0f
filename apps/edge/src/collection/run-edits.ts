import { hash } from 'node:crypto';
import {
  changedSpans,
  COLLECTION_EDIT_BASE_BYTES,
  COLLECTION_EDIT_BASE_CHUNKS,
  compareChunkLists,
  compareRowPlaces,
  decodeFrame,
  encodeBlock,
  encodeChunkEdit,
  encodeFrameHeader,
  FrameDecoder,
  formatChunkSpans,
  COLLECTION_ROW_MAX_BYTES,
  PATCH_TARGET_BYTES,
  type ChangedSpan,
  type ListedChunk,
  type ShortCollectionOffer,
} from '@rivulet/protocol';
import type { CollectedRows, CollectedRun } from './collected-rows';

const DIGEST_BYTES = 32;

interface NumberedChunk extends ListedChunk {
  number: number;
}

/** A body for central, and the new chunks that it has edits of. */
export interface EditsBody {
  body: Buffer;
  numbers: number[];
}

/** The difference of a run from the rows that central has committed, where these are kept here. */
export class RunEdits {
  private constructor(
    private readonly rows: CollectedRows,
    private readonly base: CollectedRun,
    private readonly run: CollectedRun,
    /** Digests of new chunks alone. */
    readonly offer: ShortCollectionOffer,
    private readonly spans: ChangedSpan<NumberedChunk>[],
  ) {}

  /** Undefined when the rows of before are not kept, or have other columns. */
  static async of(rows: CollectedRows, run: CollectedRun): Promise<RunEdits | undefined> {
    if (run.base === undefined) return undefined;
    const base = await rows.findCommitted(run.base);
    if (base === undefined || JSON.stringify(base.offer.columns) !== JSON.stringify(run.offer.columns))
      return undefined;
    const [before, after] = [chunksOf(base), chunksOf(run)];
    const spans = compareChunkLists(
      before.map(({ digest }) => digest),
      after.map(({ digest }) => digest),
    );
    const fresh = spans.flatMap(({ newPosition, newCount }) =>
      after.slice(newPosition, newPosition + newCount).map(({ digest }) => digest),
    );
    const digests = Buffer.from(fresh.join(''), 'hex').toString('base64');
    const offer = { ...run.offer, base: run.base, spans: formatChunkSpans(spans), digests };
    return new RunEdits(rows, base, run, offer, changedSpans(before, after));
  }

  /** Edits of those of the chunks that are smaller so. A base that is gone or damaged has none. */
  async *bodies(wanted: ReadonlySet<number>): AsyncGenerator<EditsBody, void> {
    let gathered: Buffer[] = [];
    let numbers: number[] = [];
    let bytes = 0;
    let baseBytes = 0;
    for (const span of this.spans) {
      const spanBytes = span.before.reduce((sum, chunk) => sum + chunk.bytes, 0);
      for (const { number, edit } of await this.editsOf(span, wanted)) {
        const isFull =
          bytes + edit.length > PATCH_TARGET_BYTES || baseBytes + spanBytes > COLLECTION_EDIT_BASE_BYTES;
        if (isFull && numbers.length > 0) {
          yield { body: frameOf(Buffer.concat(gathered)), numbers };
          [gathered, numbers, bytes, baseBytes] = [[], [], 0, 0];
        }
        gathered.push(edit);
        numbers.push(number);
        bytes += edit.length;
        baseBytes += spanBytes;
      }
    }
    if (numbers.length > 0) yield { body: frameOf(Buffer.concat(gathered)), numbers };
  }

  private async editsOf(
    { position, before, after, bytes }: ChangedSpan<NumberedChunk>,
    wanted: ReadonlySet<number>,
  ): Promise<{ number: number; edit: Buffer }[]> {
    const count = before.length;
    const numbers = after.map(({ number }) => number).filter((number) => wanted.has(number));
    const isFit =
      count > 0 && count <= COLLECTION_EDIT_BASE_CHUNKS && bytes <= COLLECTION_EDIT_BASE_BYTES / 2;
    if (numbers.length === 0 || !isFit) return [];
    try {
      const base = contentOf(await this.rows.committedFrames(this.base, position, position + count - 1));
      const edits: { number: number; edit: Buffer }[] = [];
      for (const number of numbers) {
        const content = contentOf(await this.rows.frames(this.run, number, number));
        const edit = encodeChunkEdit({ number, position, count, edits: compareRowPlaces(base, content) });
        const chunkBytes = this.run.offsets[number + 1]! - this.run.offsets[number]!;
        if (edit.length < chunkBytes) edits.push({ number, edit });
      }
      return edits;
    } catch {
      // The rows of before were dropped or damaged: central is sent whole chunks.
      return [];
    }
  }
}

function chunksOf({ offer, sizes, ends }: CollectedRun): NumberedChunk[] {
  const digests = Buffer.from(offer.digests, 'base64');
  return sizes.map((bytes, number) => {
    const digest = digests.toString('hex', number * DIGEST_BYTES, (number + 1) * DIGEST_BYTES);
    return { number, digest, bytes, lastKey: ends[number]! };
  });
}

/** The rows of whole frames. */
function contentOf(frames: Buffer): Buffer {
  return Buffer.concat(new FrameDecoder(COLLECTION_ROW_MAX_BYTES).push(frames).map(decodeFrame));
}

function frameOf(content: Buffer): Buffer {
  const { encoding, block } = encodeBlock(content);
  const size = { rows: 0, contentBytes: content.length, blockBytes: block.length };
  const digest = hash('sha256', content, 'buffer');
  return Buffer.concat([
    encodeFrameHeader({ kind: 'patch', table: 0, number: 0, digest, encoding, ...size }),
    block,
  ]);
}
