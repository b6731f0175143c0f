import { CHUNK_MAX_BYTES } from '@rivulet/protocol';
import { staleRuns } from './stale-runs';

const SMALL = 1_000;
const LARGE = CHUNK_MAX_BYTES - 500;

function at(place: number, isEqual = false): { place: number; isEqual: boolean } {
  return { place, isEqual };
}

describe('the chunks that are read again', () => {
  it('are those in which changed keys fall', () => {
    expect(staleRuns([SMALL, SMALL, SMALL, SMALL], [at(2), at(0)])).toEqual([
      { first: 0, last: 0 },
      { first: 2, last: 2 },
    ]);
    expect(staleRuns([SMALL, SMALL], [])).toEqual([]);
  });

  it('are one run where they are neighbours', () => {
    expect(staleRuns([SMALL, SMALL, SMALL, SMALL], [at(1), at(2)])).toEqual([{ first: 1, last: 2 }]);
  });

  it('have the last one with them for keys behind all others', () => {
    expect(staleRuns([SMALL, SMALL], [at(2)])).toEqual([{ first: 1, last: 1 }]);
  });

  it('go on behind a last row that has changed', () => {
    expect(staleRuns([SMALL, SMALL, SMALL], [at(0, true)])).toEqual([{ first: 0, last: 1 }]);
    expect(staleRuns([SMALL, SMALL], [at(0, true), at(1, true)])).toEqual([{ first: 0, last: 1 }]);
  });

  it('begin one before, and go on, where an end may depend on the next row', () => {
    expect(staleRuns([SMALL, LARGE, SMALL, SMALL, SMALL], [at(2)])).toEqual([{ first: 1, last: 2 }]);
    expect(staleRuns([SMALL, SMALL, LARGE, SMALL, SMALL], [at(1)])).toEqual([{ first: 1, last: 3 }]);
    expect(staleRuns([LARGE, LARGE], [at(0)])).toEqual([{ first: 0, last: 1 }]);
  });
});
