import * as fc from 'fast-check';
import { refusalOf } from '../../test/refusal';
import { parsePatch, type PatchRange } from './patch';
import { RivuletError } from '@rivulet/errors';

const BASE_CHUNKS = 10;

function lines(...texts: string[]): Buffer[] {
  return texts.map((text) => Buffer.from(`${text}\n`));
}

function problemOf(content: string, previous?: PatchRange): string {
  const error = refusalOf(() => parsePatch(Buffer.from(content), BASE_CHUNKS, previous));
  expect(error.code).toBe('FRAME_INVALID');
  return error.message;
}

function readOrRefuse(content: Buffer): PatchRange[] | undefined {
  try {
    return parsePatch(content, BASE_CHUNKS);
  } catch (error) {
    if (!(error instanceof RivuletError)) throw error;
    return undefined;
  }
}

describe('the content of a patch frame', () => {
  it('is read as ranges of keys and rows', () => {
    const content = Buffer.from('0 0 0 1\n1\ta\n1 2 2 0\n4\n5\n9 1 1 1\n0 0 0 0\n1 1 1 1\n');
    expect(parsePatch(content, BASE_CHUNKS)).toEqual([
      { position: 0, count: 0, deletedKeys: [], rows: lines('1\ta') },
      { position: 1, count: 2, deletedKeys: lines('4', '5'), rows: [] },
      { position: 9, count: 1, deletedKeys: lines('0 0 0 0'), rows: lines('1 1 1 1') },
    ]);
  });

  it('may have ranges that touch', () => {
    const content = Buffer.from('3 1 0 1\n1\n4 1 0 1\n2\n5 0 0 1\n3\n');
    expect(parsePatch(content, BASE_CHUNKS)).toMatchObject([
      { position: 3 },
      { position: 4 },
      { position: 5 },
    ]);
  });

  it('may be about the whole of a mirror, about its end, and about an empty one', () => {
    expect(parsePatch(Buffer.from('0 10 0 1\n1\n'), BASE_CHUNKS)).toMatchObject([{ position: 0, count: 10 }]);
    expect(parsePatch(Buffer.from('10 0 0 1\n1\n'), BASE_CHUNKS)).toMatchObject([{ position: 10, count: 0 }]);
    expect(parsePatch(Buffer.from('0 0 0 1\n1\n'), 0)).toMatchObject([{ position: 0, count: 0 }]);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['an empty line', '\n', 'where a range should begin'],
    ['a leading zero', '00 1 0 1\n1\n', 'where a range should begin'],
    ['a count with a leading zero', '0 1 0 01\n1\n', 'where a range should begin'],
    ['a sign', '+0 1 0 1\n1\n', 'where a range should begin'],
    ['a negative number', '0 -1 0 1\n1\n', 'where a range should begin'],
    ['a fraction', '0 1 0 1.0\n1\n', 'where a range should begin'],
    ['an exponent', '0 1 0 1e0\n1\n', 'where a range should begin'],
    ['eleven digits', '0 1 0 10000000000\n1\n', 'where a range should begin'],
    ['three numbers', '0 1 0\n1\n', 'where a range should begin'],
    ['five numbers', '0 1 0 1 0\n1\n', 'where a range should begin'],
    ['tabs between numbers', '0\t1\t0\t1\n1\n', 'where a range should begin'],
    ['two spaces', '0  1 0 1\n1\n', 'where a range should begin'],
    ['a space at the end', '0 1 0 1 \n1\n', 'where a range should begin'],
    ['a carriage return', '0 1 0 1\r\n1\n', 'where a range should begin'],
    ['digits of another script', '٠ 1 0 1\n1\n', 'where a range should begin'],
    ['a row too many', '0 1 0 1\n1\n2\n', 'where a range should begin'],
    ['a row too few', '0 1 0 2\n1\n', 'ends too early'],
    ['a key too few', '0 1 2 0\n1\n', 'ends too early'],
    ['far too few keys', '0 1 9999999999 9999999999\n1\n', 'ends too early'],
    ['a range and no more', '0 1 0 1\n', 'ends too early'],
    ['a range that is cut off', '0 1 0 1', 'does not end with a whole line'],
    ['a row that is cut off', '0 1 0 1\n1', 'does not end with a whole line'],
    ['a range without changes', '0 1 0 0\n', 'changes nothing'],
    ['chunks that the mirror has not', '9 2 0 1\n1\n', 'outside the mirror'],
    ['a place that the mirror has not', '11 0 0 1\n1\n', 'outside the mirror'],
    ['numbers as large as can be', '9999999999 9999999999 0 1\n1\n', 'outside the mirror'],
    ['a range twice', '3 1 0 1\n1\n3 1 0 1\n2\n', 'not in order'],
    ['ranges that descend', '3 1 0 1\n1\n0 1 0 1\n2\n', 'not in order'],
    ['ranges that overlap', '3 3 0 1\n1\n5 1 0 1\n2\n', 'not in order'],
    ['two insertions at one place', '3 0 0 1\n1\n3 0 0 1\n2\n', 'not in order'],
  ])('is refused when it has %s', (_, content, problem) => {
    expect(problemOf(content)).toContain(problem);
  });

  it('is refused by a RivuletError, or is all that was read of it', () => {
    const part = fc.constantFrom('0', '1', '2', '10', ' ', '\n', '0 1 0 1\n', '2 1 1 0\n', 'a\tb\n', '\xff');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const content = Buffer.from(parts.join(''), 'latin1');
        const ranges = readOrRefuse(content);
        const again = ranges?.flatMap(({ position, count, deletedKeys, rows }) => [
          Buffer.from(`${position} ${count} ${deletedKeys.length} ${rows.length}\n`),
          ...deletedKeys,
          ...rows,
        ]);
        expect(again === undefined || Buffer.concat(again).equals(content)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  describe('after another', () => {
    const keysOnly = { position: 3, count: 2, deletedKeys: lines('1'), rows: [] };
    const withRows = { position: 3, count: 2, deletedKeys: [], rows: lines('1') };

    it.each<[string, PatchRange, string]>([
      ['goes on with keys', keysOnly, '3 2 1 1\n2\n2\n'],
      ['goes on with rows', withRows, '3 2 0 1\n2\n'],
      ['begins with the next range', withRows, '6 0 1 0\n2\n'],
      ['begins with a range that touches', withRows, '5 1 0 1\n2\n'],
    ])('%s', (_, previous, content) => {
      expect(parsePatch(Buffer.from(content), BASE_CHUNKS, previous).length).toBe(1);
    });

    it.each<[string, PatchRange, string]>([
      ['deletes after rows have come', withRows, '3 2 1 0\n2\n'],
      ['goes on with more chunks', withRows, '3 3 0 1\n2\n'],
      ['goes on with fewer', withRows, '3 1 0 1\n2\n'],
      ['goes back', withRows, '2 0 0 1\n2\n'],
      ['goes on in its second range', keysOnly, '3 2 1 0\n2\n3 2 1 0\n3\n'],
    ])('is refused when it %s', (_, previous, content) => {
      expect(problemOf(content, previous)).toContain('not in order');
    });
  });
});
