import { crc32 } from 'node:zlib';
import { chunksByDefinition, cut, factsOf, inPieces, toBytes } from '../../test/canonical-rows';
import { RowError } from './chunk-cutter';
import { ROW_MAX_BYTES } from '../version/limits';

const MEBIBYTE = 1024 * 1024;

/** How many bytes each chunk of the stream has, or what is wrong with it. */
function outcomeOf(stream: Iterable<Buffer>, keyColumns = 1): number[] | Pick<RowError, 'problem' | 'key'> {
  try {
    return cut(stream, keyColumns).map(({ bytes }) => bytes);
  } catch (error) {
    if (!(error instanceof RowError)) throw error;
    return { problem: error.problem, key: error.key };
  }
}

function outcomeOfText(keyColumns: number, ...buffers: string[]): ReturnType<typeof outcomeOf> {
  return outcomeOf(
    buffers.map((text) => Buffer.from(text)),
    keyColumns,
  );
}

/** Into how many chunks a row of so many bytes, with the key 1, and a small one behind it are cut. */
function chunksWithRowOf(bytes: number, rest: string): number {
  const row = `1\t${rest}${'x'.repeat(bytes - rest.length - 3)}\n`;
  return cut([Buffer.from(`${row}2\t\n`)]).length;
}

function* endlessRow(): Generator<Buffer, void> {
  yield Buffer.from('1\t');
  for (;;) yield Buffer.alloc(MEBIBYTE, 'x');
}

describe('the key of a row', () => {
  it.each([
    ['the only column', 1, '1\ta\n\\N\tb\n', '\\N'],
    ['the first of two columns', 2, '1\t1\ta\n\\N\t2\tb\n', '\\N\t2'],
    ['the second of two columns', 2, '1\t\\N\tb\n', '1\t\\N'],
    ['the last column of the row', 2, '1\t1\n1\t\\N\n', '1\t\\N'],
    ['the whole of the first row', 1, '\\N\n', '\\N'],
  ])('is refused when it is NULL: %s', (_, keyColumns, rows, key) => {
    expect(outcomeOfText(keyColumns, rows)).toEqual({ problem: 'key-null', key });
  });

  it.each([
    ['text that spells \\N', '\\\\N\tx\n'],
    ['text that begins with an escape', '\\tN\tx\n'],
    ['text that ends with \\N', 'a\\\\N\tx\n'],
    ['text that is a backslash and \\N', '\\\\\\\\N\tx\n'],
    ['the letter N', 'N\tx\n'],
    ['empty', '\tx\n'],
    ['followed by a NULL that is no key', '1\t\\N\n'],
  ])('is accepted when it is %s', (_, row) => {
    expect(outcomeOfText(1, row)).toEqual([row.length]);
  });

  it.each([
    ['in one buffer', 1, ['1\ta\n2\tb\n2\tc\n'], '2'],
    ['at the border of two buffers', 1, ['1\ta\n2\tb\n', '2\tc\n'], '2'],
    ['within a row that is split', 1, ['1\ta\n2', '\tb\n', '2\t', 'c\n'], '2'],
    ['of two columns', 2, ['1\t1\ta\n1\t2\tb\n1\t2\tc\n'], '1\t2'],
    ['that are the whole row', 2, ['1\t1\n1\t1\n'], '1\t1'],
    ['that are empty', 1, ['\ta\n\tb\n'], ''],
    ['behind a row that ends a chunk', 1, [`1\t${'x'.repeat(70_000)}\n1\ta\n`], '1'],
  ])('is refused when the row before has the same: %s', (_, keyColumns, buffers, key) => {
    expect(outcomeOfText(keyColumns, ...buffers)).toEqual({ problem: 'key-not-unique', key });
  });

  it('is the same only if all its columns are', () => {
    expect(outcomeOfText(2, '1\t1\ta\n1\t11\ta\n1\t12\ta\n11\t2\ta\n')).toEqual([27]);
    expect(outcomeOfText(2, 'a\tb\na\\tb\tb\n')).toEqual([11]);
  });

  it('decides where a chunk ends, together with the size of the row and nothing else of it', () => {
    // The CRC-32 of "1" is 83dcefb7.
    for (const rest of ['', 'a\tb', 'other', '\\N\t']) {
      expect([chunksWithRowOf(0x83dc, rest), chunksWithRowOf(0x83dd, rest)]).toEqual([1, 2]);
    }
  });

  it('takes in every key column, with a tab between them', () => {
    const rows = Array.from({ length: 3_000 }, (_, n) => ({ key: `${n >> 5}\t${n & 31}`, fill: 60 }));
    expect(factsOf(cut([toBytes(rows)], 2))).toEqual(chunksByDefinition(rows));
  });

  it('ends at the line feed when all columns are key columns', () => {
    const keys = Array.from({ length: 40_000 }, (_, n) => `${n + 1}`);
    const lastKeys = cut([Buffer.from(`${keys.join('\n')}\n`)], 1, true).map((chunk) =>
      chunk.content.toString().trimEnd().split('\n').at(-1),
    );
    expect(lastKeys.slice(0, -1)).toEqual(keys.filter((key) => key.length + 1 > crc32(key) >>> 16));
  });

  it('is shown with at most 200 characters', () => {
    const key = 'ä'.repeat(1_000);
    expect(outcomeOfText(1, `${key}\n${key}\n`)).toEqual({
      problem: 'key-not-unique',
      key: key.slice(0, 200),
    });
  });
});

describe('a row', () => {
  const LARGEST = Buffer.from(`1\t${'x'.repeat(ROW_MAX_BYTES - 3)}\n`);
  const TOO_LARGE = Buffer.from(`1\t${'x'.repeat(ROW_MAX_BYTES - 2)}\n`);

  it.each([
    ['in one buffer', [LARGEST.length]],
    ['in many', [MEBIBYTE]],
    ['with its line feed alone', [LARGEST.length - 1, 1]],
  ])('may have the largest size, %s', (_, lengths) => {
    expect(outcomeOf(inPieces(LARGEST, lengths))).toEqual([ROW_MAX_BYTES]);
  });

  it.each([
    ['in one buffer', [TOO_LARGE.length]],
    ['in many', [MEBIBYTE]],
    ['with its line feed alone', [TOO_LARGE.length - 1, 1]],
  ])('is refused when it has one byte more, %s', (_, lengths) => {
    expect(outcomeOf(inPieces(TOO_LARGE, lengths))).toEqual({ problem: 'row-too-large', key: '1' });
  });

  it.each([65_536, ROW_MAX_BYTES + 1])(
    'may have the size that was set, %d, and not a byte more',
    (largest) => {
      const taken = (bytes: number): unknown => {
        const row = Buffer.alloc(bytes, 'x');
        row.write('1\t');
        row.write('\n', bytes - 1);
        try {
          return cut(inPieces(row, [MEBIBYTE]), 1, false, largest).map((chunk) => chunk.bytes);
        } catch (error) {
          return (error as RowError).problem;
        }
      };
      expect([taken(largest), taken(largest + 1)]).toEqual([[largest], 'row-too-large']);
    },
  );

  it('is refused as soon as it is too large, whether or not it ends', () => {
    expect(outcomeOf(endlessRow())).toEqual({ problem: 'row-too-large', key: '1' });
  });

  it.each([
    ['1\ta\n2\tb', '2'],
    ['7', '7'],
  ])('is refused when the stream ends within it: %j', (text, key) => {
    expect(outcomeOf(inPieces(Buffer.from(text), [3]))).toEqual({ problem: 'row-incomplete', key });
  });
});
