import { RivuletError } from '@rivulet/errors';

/** Frames from `first` to `last`, both included. */
export interface FrameRange {
  first: number;
  last: number;
}

/** Maximum length of the `frames` parameter; request the remaining ranges separately. */
export const FRAME_RANGES_MAX_LENGTH = 4_000;

/** `0-99,120-120`, from ascending frame numbers. */
export function formatFrameRanges(ranges: FrameRange[]): string {
  return ranges.map((range) => `${range.first}-${range.last}`).join(',');
}

/**
 * Reads `0-99,120-120`: ascending ranges that do not overlap.
 *
 * @throws RivuletError FRAMES_INVALID
 */
export function parseFrameRanges(text: string, frameCount: number): FrameRange[] {
  if (text.length > FRAME_RANGES_MAX_LENGTH || !text.split(',').every((part) => RANGE.test(part))) {
    throw new RivuletError('FRAMES_INVALID', 'The `frames` parameter is not a list of ranges.');
  }
  let next = 0;
  return text.split(',').map((part) => {
    const [first, last] = part.split('-').map(Number) as [number, number];
    if (first < next || last < first || last >= frameCount) {
      throw new RivuletError(
        'FRAMES_INVALID',
        `The range ${part} is not ascending within the ${frameCount} frames of this plan.`,
      );
    }
    next = last + 1;
    return { first, last };
  });
}

/** Two numbers as formatFrameRanges writes them. */
const RANGE = /^(0|[1-9]\d{0,9})-(0|[1-9]\d{0,9})$/;

/** Joins ascending frame numbers to ranges. */
export function toFrameRanges(numbers: Iterable<number>): FrameRange[] {
  const ranges: FrameRange[] = [];
  for (const number of numbers) {
    const current = ranges.at(-1);
    if (current !== undefined && current.last === number - 1) current.last = number;
    else ranges.push({ first: number, last: number });
  }
  return ranges;
}
