import * as fc from 'fast-check';
import { refusalOf } from '../../test/refusal';
import {
  applyRowEdits,
  compareRowPlaces,
  encodeChunkEdit,
  parseChunkEdits,
  type ChunkEdit,
} from './chunk-edits';

/** Rows by ascending key, each with a value, which is often the same. */
const rows = fc
  .uniqueArray(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 2 })), { selector: ([key]) => key })
  .map((list) => textOf(list.toSorted(([a], [b]) => a - b)));

function textOf(list: [number, number][]): Buffer {
  return Buffer.from(list.map(([key, value]) => `${key}\tvälue ${value}\n`).join(''));
}

const parsed = (content: string): ChunkEdit[] => parseChunkEdits(Buffer.from(content));

it('edits of rows make the target of the base, sent and received', () => {
  fc.assert(
    fc.property(rows, rows, fc.nat(), (base, target, number) => {
      const sent = { number, position: 3, count: 2, edits: compareRowPlaces(base, target) };
      const next = { ...sent, number: number + 1 };
      const received = parseChunkEdits(Buffer.concat([sent, next].map(encodeChunkEdit)));
      expect(received).toEqual([sent, next]);
      expect(applyRowEdits(base, received[0]!.edits)).toEqual(target);
    }),
  );
});

it('edits of one row have that row alone', () => {
  const base = textOf(Array.from({ length: 300 }, (_, key) => [key, 0]));
  const target = textOf(Array.from({ length: 300 }, (_, key) => [key, key === 200 ? 1 : 0]));
  const edits = compareRowPlaces(base, target);
  expect(edits).toEqual([{ place: 200, count: 1, rows: [Buffer.from('200\tvälue 1\n')] }]);
  expect(encodeChunkEdit({ number: 7, position: 7, count: 1, edits }).length).toBeLessThan(40);
});

it('edits of rows that the base does not have make nothing', () => {
  expect(applyRowEdits(Buffer.from('1\n'), [{ place: 1, count: 1, rows: [] }])).toBeUndefined();
  expect(applyRowEdits(Buffer.from(''), [{ place: 1, count: 0, rows: [] }])).toBeUndefined();
  expect(applyRowEdits(Buffer.from('1\n'), [{ place: 1, count: 0, rows: [Buffer.from('2\n')] }])).toEqual(
    Buffer.from('1\n2\n'),
  );
});

it.each([
  ['is cut off within rows', '0 0 1 1\n4 0 3\na\n'],
  ['is cut off within edits', '0 0 1 2\n4 0 1\na\n'],
  ['is cut off within a line', '0 0 1 0'],
  ['has too few numbers', '0 0 1\n'],
  ['has numbers that are none', '0 0 1 -1\n'],
  ['has a number with zeros before it', '0 0 01 0\n'],
  ['has numbers that are too large', '0 0 99999999999 0\n'],
  ['has more spaces than numbers', '0 0 1  0\n'],
  ['repeats a chunk', '1 0 1 0\n1 0 1 0\n'],
  ['goes back in the rows', '1 0 1 2\n5 2 0\n6 0 0\n'],
])('a content is refused when it %s', (_, content) => {
  expect(refusalOf(() => parsed(content)).code).toBe('FRAME_INVALID');
});
