import type { ChunkSummary, ManifestTable, PatchedSpan } from '@rivulet/protocol';
import { inRange, joinSpans, rangeOfSpan, rangeRows } from './key-range';
import type { Mirror } from '../table/mirror-table';

function chunk(firstKey: string, lastKey: string): ChunkSummary {
  return { digest: Buffer.alloc(32), rows: 1, bytes: 1, firstKey, lastKey };
}

const base = [chunk('a', 'c'), chunk('e', 'g'), chunk('i', 'k')];

describe('the key range of a span', () => {
  it.each([
    ['in the middle', { position: 1, count: 1 }, { after: 'c', before: 'i' }],
    ['at the beginning', { position: 0, count: 2 }, { before: 'i' }],
    ['at the end', { position: 1, count: 2 }, { after: 'c' }],
    ['of all chunks', { position: 0, count: 3 }, {}],
    ['between two chunks', { position: 1, count: 0 }, { after: 'c', before: 'e' }],
    ['before the first', { position: 0, count: 0 }, { before: 'a' }],
    ['behind the last', { position: 3, count: 0 }, { after: 'k' }],
  ])('%s goes from the chunk before it to the one behind', (_, span, range) => {
    expect(rangeOfSpan(base, span)).toEqual(range);
  });

  it('is everything when there is no chunk', () => {
    expect(rangeOfSpan([], { position: 0, count: 0 })).toEqual({});
  });
});

function at(position: number, count: number): PatchedSpan {
  return { position, count };
}

describe('spans', () => {
  it.each([
    ['stay apart when a chunk divides them', [at(0, 1), at(2, 1)], [at(0, 1), at(2, 1)]],
    ['stay apart when one is empty, too', [at(1, 0), at(2, 1)], [at(1, 0), at(2, 1)]],
    ['are joined when they touch', [at(0, 1), at(1, 2), at(5, 1)], [at(0, 3), at(5, 1)]],
    ['are joined when one is empty', [at(1, 0), at(1, 2), at(3, 0)], [at(1, 2)]],
    ['are joined when they are the same', [at(4, 0), at(4, 0)], [at(4, 0)]],
    ['are joined when one holds the other', [at(1, 5), at(2, 1)], [at(1, 5)]],
    ['may be none', [], []],
  ])('%s', (_, spans, joined) => {
    expect(joinSpans(spans)).toEqual(joined);
  });
});

describe('the condition of a key range', () => {
  const mirror: Mirror = {
    table: {} as ManifestTable,
    place: { schema: 'public', table: 'users' },
    qualifiedName: 'public.users',
    columns: [
      { name: 'na"me', type: 'text', collatable: true },
      { name: 'at', type: 'date', collatable: false },
      { name: 'rest', type: 'text', collatable: true },
    ],
    keyColumns: 2,
  };

  it('compares all columns of the key, in the order of "C"', () => {
    expect(inRange(mirror, 'm', { after: 'a\t2026-01-01', before: 'b\tinfinity' })).toBe(
      `(m."na""me" COLLATE "C", m."at") > ('a'::text, '2026-01-01'::date) AND ` +
        `(m."na""me" COLLATE "C", m."at") < ('b'::text, 'infinity'::date)`,
    );
  });

  it('is open where the range is', () => {
    expect(inRange(mirror, 'm', {})).toBe('TRUE');
    expect(inRange(mirror, 'm', { before: 'b\tinfinity' })).toBe(
      `(m."na""me" COLLATE "C", m."at") < ('b'::text, 'infinity'::date)`,
    );
  });

  it('compares them for many ranges that are joined', () => {
    const closed = { after: 'a\t2026-01-01', before: 'b\tinfinity' };
    const { rows, isInside } = rangeRows(mirror, 'm', [closed, closed]);
    const values = `('a'::text, '2026-01-01'::date, 'b'::text, 'infinity'::date)`;
    expect(rows).toBe(`(VALUES ${values}, ${values}) AS range (after_0, after_1, before_0, before_1)`);
    expect(isInside).toBe(
      `(m."na""me" COLLATE "C", m."at") > (range.after_0, range.after_1) AND ` +
        `(m."na""me" COLLATE "C", m."at") < (range.before_0, range.before_1)`,
    );
  });

  it('has the values of the key, not their text in a COPY', () => {
    const key = String.raw`it's\t\b\f\n\r\v\\n "?" $1`;
    expect(inRange({ ...mirror, keyColumns: 1 }, 'm', { after: key })).toBe(
      `(m."na""me" COLLATE "C") > ( E'it''s\t\b\f\n\r\v\\\\n "?" $1'::text)`,
    );
  });
});
