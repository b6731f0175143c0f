import * as fc from 'fast-check';
import { refusalOf } from '../../test/refusal';
import { FRAME_RANGES_MAX_LENGTH, formatFrameRanges, parseFrameRanges, toFrameRanges } from './frame-ranges';

const FRAMES = 500;

describe('frame ranges', () => {
  it('name the same frames after a round trip', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: FRAMES - 1 }), { minLength: 1 }), (unordered) => {
        const numbers = unordered.toSorted((a, b) => a - b);
        const ranges = parseFrameRanges(formatFrameRanges(toFrameRanges(numbers)), FRAMES);
        const named = ranges.flatMap(({ first, last }) =>
          Array.from({ length: last - first + 1 }, (_, index) => first + index),
        );
        expect(named).toEqual(numbers);
      }),
    );
  });

  it('are as few as the numbers allow', () => {
    expect(toFrameRanges([0, 1, 2, 5, 7, 8])).toEqual([
      { first: 0, last: 2 },
      { first: 5, last: 5 },
      { first: 7, last: 8 },
    ]);
    expect(toFrameRanges([])).toEqual([]);
  });

  it('may meet without being joined', () => {
    expect(parseFrameRanges('0-4,5-9', 10)).toEqual([
      { first: 0, last: 4 },
      { first: 5, last: 9 },
    ]);
  });

  it.each([
    '',
    '-',
    '5',
    '0-',
    '-4',
    '0-4,',
    ',0-4',
    '0-4,,6-7',
    '0-4;6-7',
    '0-4, 6-7',
    ' 0-4',
    '0-4\n',
    '0--4',
    '+0-4',
    '0x1-4',
    '1e1-20',
    '0.0-4',
    '٠-٤',
    'all',
    '00000000001-4',
  ])('are refused when they are malformed: %j', (text) => {
    const error = refusalOf(() => parseFrameRanges(text, FRAMES));
    expect(error.code).toBe('FRAMES_INVALID');
    expect(error.message).toContain('`frames`');
  });

  it.each([
    ['backwards', '4-0', '4-0'],
    ['overlapping', '0-4,4-6', '4-6'],
    ['repeated', '0-4,0-4', '0-4'],
    ['descending', '10-12,0-4', '0-4'],
    ['beyond the plan', '0-500', '0-500'],
    ['beyond what a number can hold', '0-9999999999', '0-9999999999'],
  ])('are refused when they are %s, and the range is named', (_, text, part) => {
    const error = refusalOf(() => parseFrameRanges(text, FRAMES));
    expect(error.code).toBe('FRAMES_INVALID');
    expect(error.message).toContain(`${part} `);
  });

  it('name nothing in a plan without frames', () => {
    expect(refusalOf(() => parseFrameRanges('0-0', 0)).code).toBe('FRAMES_INVALID');
  });

  it('are accepted up to their greatest length, and no further', () => {
    const text = Array.from({ length: 1_000 }, (_, index) => `${2 * index}-${2 * index}`).join(',');
    const longest = text.slice(0, text.lastIndexOf(',', FRAME_RANGES_MAX_LENGTH));
    const tooLong = text.slice(0, text.indexOf(',', FRAME_RANGES_MAX_LENGTH + 1));
    expect(parseFrameRanges(longest, 2_000).length).toBe(longest.split(',').length);
    expect(refusalOf(() => parseFrameRanges(tooLong, 2_000)).code).toBe('FRAMES_INVALID');
  });
});
