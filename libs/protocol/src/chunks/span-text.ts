import { RivuletError } from '@rivulet/errors';
import type { ChunkSpan } from './chunk-spans';

/** Of 20,000 chunks each second one is replaced. */
export const CHUNK_SPANS_MAX_LENGTH = 120_000;

const SPAN = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,9}):(0|[1-9]\d{0,9})$/;

/** `12:1:1,80:2:1`: position in the base, chunks that go, chunks that come. */
export function formatChunkSpans(spans: readonly ChunkSpan[]): string {
  return spans.map(({ position, count, newCount }) => `${position}:${count}:${newCount}`).join(',');
}

/** Ascending spans within a base of so many chunks. @throws RivuletError FRAMES_INVALID */
export function parseChunkSpans(text: string, baseChunks: number): ChunkSpan[] {
  if (text === '') return [];
  const spans: ChunkSpan[] = [];
  let next = 0;
  let shift = 0;
  for (const part of text.split(',')) {
    const numbers = SPAN.exec(part)?.slice(1).map(Number) as [number, number, number] | undefined;
    if (numbers === undefined) throw invalid(part, 'is not three numbers');
    const [position, count, newCount] = numbers;
    if (position < next || position + count > baseChunks)
      throw invalid(part, `is not ascending within ${baseChunks} chunks`);
    spans.push({ position, count, newPosition: position + shift, newCount });
    shift += newCount - count;
    next = position + count;
  }
  return spans;
}

function invalid(part: string, problem: string): RivuletError {
  return new RivuletError('FRAMES_INVALID', `The span ${part.slice(0, 40)} ${problem}.`);
}
