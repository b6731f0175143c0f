import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { fill, rowsOf } from '../../test/arbitrary-rows';
import {
  averageOverTarget,
  chunksByDefinition,
  cut,
  endsChunk,
  factsOf,
  inPieces,
  toBytes,
  type ChunkFacts,
  type TestRow,
} from '../../test/canonical-rows';
import { ChunkCutter } from './chunk-cutter';
import { CHUNK_MAX_BYTES, ROW_MAX_BYTES, ROW_MAX_BYTES_CEILING } from '../version/limits';

const pieceLengths = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 8 });

function numbered(count: number, size: number): TestRow[] {
  return Array.from({ length: count }, (_, index) => ({ key: String(index + 1), fill: size }));
}

describe('the chunks of a table', () => {
  it('are those of the definition, however the stream is split into buffers', () => {
    fc.assert(
      fc.property(rowsOf(0), pieceLengths, (rows, lengths) => {
        expect(factsOf(cut(inPieces(toBytes(rows), lengths)))).toEqual(chunksByDefinition(rows));
      }),
    );
  });

  it('do not depend on the largest row that is taken', () => {
    const rows = [...numbered(2_000, 100), { key: '2001', fill: 60_000 }, ...numbered(500, 700)];
    const chunks = [65_536, ROW_MAX_BYTES, ROW_MAX_BYTES_CEILING].map((maxRowBytes) =>
      factsOf(cut([toBytes(rows)], 1, false, maxRowBytes)),
    );
    expect(chunks).toEqual(Array(3).fill(chunksByDefinition(rows)));
  });

  it('are the same when the stream arrives one byte at a time', () => {
    const rows = [...numbered(2_000, 100), { key: '2001', fill: 100_000 }, { key: '2002', fill: 5 }];
    const expected = chunksByDefinition(rows);
    expect(expected.length).toBeGreaterThan(4);
    expect(factsOf(cut(inPieces(toBytes(rows), [1])))).toEqual(expected);
  });

  it('hold all rows in their order, under the SHA-256 of what each holds', () => {
    fc.assert(
      fc.property(rowsOf(0), pieceLengths, (rows, lengths) => {
        const stream = toBytes(rows);
        const chunks = cut(inPieces(stream, lengths), 1, true);
        const contents = chunks.map((chunk) => chunk.content);
        expect(Buffer.concat(contents).equals(stream)).toBe(true);
        for (const [index, { digest, bytes, rows: count }] of chunks.entries()) {
          const content = contents[index]!;
          expect(digest).toEqual(createHash('sha256').update(content).digest());
          expect(bytes).toBe(content.length);
          expect(count).toBe(content.filter((byte) => byte === 0x0a).length);
        }
      }),
    );
  });

  it('hold nothing when only their digests are wanted', () => {
    const [chunk] = cut([Buffer.from('1\ta\n')], 1, false);
    expect(chunk).toEqual({
      digest: createHash('sha256').update('1\ta\n').digest(),
      rows: 1,
      bytes: 4,
      firstKey: '1',
      lastKey: '1',
      content: Buffer.alloc(0),
    });
  });

  it('say where the rows are whose keys have a CRC that is asked for', () => {
    fc.assert(
      fc.property(rowsOf(0), pieceLengths, (rows, lengths) => {
        const wanted = rows.filter((_, index) => index % 3 === 0).map(({ key }) => key);
        const markedCrcs = new Set(wanted.map((key) => crc32(key) | 0));
        const cutter = new ChunkCutter(1, { keepContent: true, markedCrcs });
        const done = [...inPieces(toBytes(rows), lengths)].flatMap((piece) => cutter.push(piece));
        const chunks = [...done, ...cutter.end()];
        const found = chunks.flatMap(({ content, marked }) =>
          marked!.map(({ start, keyEnd, end }) => {
            const row = content.toString('utf8', start, end);
            expect(row.indexOf('\n')).toBe(row.length - 1);
            return content.toString('utf8', start, keyEnd);
          }),
        );
        expect(found.filter((key) => wanted.includes(key))).toEqual(wanted);
      }),
    );
  });

  it('are none for a table without rows', () => {
    expect(cut([])).toEqual([]);
    expect(cut([Buffer.alloc(0)])).toEqual([]);
  });

  it('are not larger than the cap, except for a single row that is', () => {
    fc.assert(
      fc.property(rowsOf(1), (rows) => {
        const chunks = cut([toBytes(rows)]);
        expect(chunks.filter(({ bytes, rows: count }) => bytes > CHUNK_MAX_BYTES && count > 1)).toEqual([]);
      }),
    );
  });

  it.each([
    ['narrow rows', numbered(200_000, 40)],
    ['rows of 500 bytes', numbered(20_000, 500)],
    ['wide rows', numbered(2_000, 6_000)],
  ])('are near the target on average, for %s', (_, rows) => {
    const average = averageOverTarget(factsOf(cut([toBytes(rows)])));
    expect(average).toBeGreaterThan(0.8);
    expect(average).toBeLessThan(1.2);
  });
});

describe('the first and the last key of a chunk', () => {
  it('are those of its rows where it ends at the cap, and where a row is larger', () => {
    // 60,000 bytes each: none of these keys ends a chunk, so that four of them fill one.
    const keys = Array.from({ length: 400 }, (_, index) => String(index + 1));
    const capped = keys.map((key) => ({ key, fill: 60_000 })).filter((row) => !endsChunk(row));
    const before = capped.slice(0, 6);
    const after = capped.filter(({ key }) => Number(key) > 200).slice(0, 2);
    const large = { key: '200', fill: 300_000 };
    const chunks = factsOf(cut([toBytes([...before, large, ...after])]));
    const spans = chunks.map(({ rows, firstKey, lastKey }) => [rows, firstKey, lastKey]);
    expect(spans).toEqual([
      [4, before[0]!.key, before[3]!.key],
      [2, before[4]!.key, before[5]!.key],
      [1, '200', '200'],
      [2, after[0]!.key, after[1]!.key],
    ]);
  });

  it('are the key columns as they stand in the row, wherever the stream is split', () => {
    const rows = Buffer.from('ä\t\\tone\tfirst\nä\t漢字\tsecond\n👩‍🔧\t\tlast\n');
    for (let length = 1; length <= rows.length; length++) {
      expect(cut(inPieces(rows, [length]), 2)).toMatchObject([{ firstKey: 'ä\t\\tone', lastKey: '👩‍🔧\t' }]);
    }
  });

  it('are whole rows where a row has nothing but its key', () => {
    expect(cut([Buffer.from('\n')], 1)).toMatchObject([{ firstKey: '', lastKey: '' }]);
    expect(cut([Buffer.from('1\ta\n1\tb\n')], 2)).toMatchObject([{ firstKey: '1\ta', lastKey: '1\tb' }]);
  });
});

/** How many of the chunks, from the first on, lie within the first `rows` rows. */
function chunksWithin(chunks: ChunkFacts[], rows: number): number {
  let counted = 0;
  const index = chunks.findIndex((chunk) => (counted += chunk.rows) > rows);
  return index === -1 ? chunks.length : index;
}

/**
 * The chunks that a change must leave alone, before and after it. As a chunk may also end at the cap, a change can
 * reach from the last row before it that ends a chunk by its key to the first such row behind it, and no further.
 */
function chunksAround(
  before: TestRow[],
  after: TestRow[],
  place: { firstTouched: number; nextKept: number },
): { before: ChunkFacts[]; after: ChunkFacts[] } {
  const ends = before.map((row, index) => (endsChunk(row) ? index : -1)).filter((index) => index >= 0);
  const lastEnd = ends.findLast((index) => index < place.firstTouched) ?? -1;
  const nextEnd = ends.find((index) => index >= place.nextKept) ?? before.length - 1;
  const old = factsOf(cut([toBytes(before)]));
  const now = factsOf(cut([toBytes(after)]));
  const head = chunksWithin(old, lastEnd + 1);
  const tail = chunksWithin(old.toReversed(), before.length - 1 - nextEnd);
  const outside = (chunks: ChunkFacts[]): ChunkFacts[] => [
    ...chunks.slice(0, head),
    ...chunks.slice(chunks.length - tail),
  ];
  return { before: outside(old), after: outside(now) };
}

describe('a change of one row', () => {
  const tableAndPlace = rowsOf(1).chain((rows) =>
    fc.tuple(fc.constant(rows), fc.nat({ max: rows.length - 1 }), fill),
  );

  it('leaves the chunks around an inserted row as they were', () => {
    fc.assert(
      fc.property(tableAndPlace, ([rows, place, size]) => {
        const inserted = { key: String(Number(rows[place]!.key) - 1), fill: size };
        const changed = rows.toSpliced(place, 0, inserted);
        const around = chunksAround(rows, changed, { firstTouched: place, nextKept: place });
        expect(around.after).toEqual(around.before);
      }),
    );
  });

  it('leaves the chunks around a deleted row as they were', () => {
    fc.assert(
      fc.property(tableAndPlace, ([rows, place]) => {
        const changed = rows.toSpliced(place, 1);
        const around = chunksAround(rows, changed, { firstTouched: place, nextKept: place + 1 });
        expect(around.after).toEqual(around.before);
      }),
    );
  });

  it('leaves the chunks around an updated row as they were', () => {
    fc.assert(
      fc.property(tableAndPlace, ([rows, place, size]) => {
        const changed = rows.with(place, { key: rows[place]!.key, fill: size });
        const around = chunksAround(rows, changed, { firstTouched: place, nextKept: place + 1 });
        expect(around.after).toEqual(around.before);
      }),
    );
  });

  it('takes away one digest or two of a table without capped chunks', () => {
    const rows = numbered(20_000, 100);
    const old = factsOf(cut([toBytes(rows)]));
    expect(old.length).toBeGreaterThan(20);
    for (let place = 0; place < rows.length; place += 997) {
      const now = new Set(factsOf(cut([toBytes(rows.toSpliced(place, 1))])).map((chunk) => chunk.digest));
      const gone = old.filter((chunk) => !now.has(chunk.digest)).length;
      expect([1, 2]).toContain(gone);
    }
  });
});
