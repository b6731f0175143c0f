import * as fc from 'fast-check';
import { changedTable, type ChangedTable } from '../../test/arbitrary-rows';
import { cut, digestsOf, factsOf, toBytes, toLine, type ChunkFacts } from '../../test/canonical-rows';
import { compareChunkLists } from '../chunks/chunk-spans';
import { frameContentMaxBytes, PATCH_TARGET_BYTES, ROW_MAX_BYTES } from '../version/limits';
import { compareRows, parsePatch, PatchWriter, type PatchContent, type PatchRange } from './patch';

const FRAME_CONTENT_MAX_BYTES = frameContentMaxBytes(ROW_MAX_BYTES);
const RANGE_LINE_MAX_BYTES = 44;

function lines(...texts: string[]): Buffer[] {
  return texts.map((text) => Buffer.from(`${text}\n`));
}

function toText(buffers: Buffer[]): string[] {
  return buffers.map((line) => line.toString().slice(0, -1));
}

/** Texts are compared much faster than buffers. */
function withTexts({ position, count, deletedKeys, rows }: PatchRange): unknown {
  return { position, count, deletedKeys: toText(deletedKeys), rows: toText(rows) };
}

function write(ranges: PatchRange[]): PatchContent[] {
  const writer = new PatchWriter();
  return [...ranges.flatMap((range) => writer.add(range)), ...writer.end()];
}

/** Central's part: compares two contents of a table, span by span. */
function makePatch({ base, target }: ChangedTable): { chunks: ChunkFacts[]; contents: PatchContent[] } {
  const before = cut([toBytes(base)], 1, true);
  const after = cut([toBytes(target)], 1, true);
  const spans = compareChunkLists(digestsOf(factsOf(before)), digestsOf(factsOf(after)));
  const ranges = spans.map(({ position, count, newPosition, newCount }) => {
    const old = before.slice(position, position + count).map(({ content }) => content);
    const now = after.slice(newPosition, newPosition + newCount).map(({ content }) => content);
    return { position, count, ...compareRows(Buffer.concat(old), Buffer.concat(now), 1) };
  });
  return { chunks: factsOf(before), contents: write(ranges) };
}

function readPatch(contents: PatchContent[], baseChunks: number): PatchRange[] {
  const ranges: PatchRange[] = [];
  for (const { content } of contents) ranges.push(...parsePatch(content, baseChunks, ranges.at(-1)));
  return ranges;
}

/** The device's part: changes rows within ranges, one after the other. */
function applyPatch(base: ChangedTable['base'], chunks: ChunkFacts[], ranges: PatchRange[]): Buffer {
  const mirror = new Map(base.map((row) => [row.key, toLine(row)]));
  for (const { position, count, deletedKeys, rows } of ranges) {
    const after = chunks[position - 1]?.lastKey ?? '';
    const before = chunks[position + count]?.firstKey ?? '~';
    const inRange = (key: string): boolean => key > after && key < before;
    for (const key of toText(deletedKeys)) expect(inRange(key) && mirror.delete(key)).toBe(true);
    for (const row of rows) {
      const key = row.toString('utf8', 0, row.indexOf('\t'));
      expect(inRange(key)).toBe(true);
      mirror.set(key, row);
    }
  }
  return Buffer.concat([...mirror].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row));
}

describe('a patch', () => {
  it('makes the rows of the target from those of the base, also when a range goes on in another frame', () => {
    fc.assert(
      fc.property(changedTable, (table) => {
        const { chunks, contents } = makePatch(table);
        const ranges = readPatch(contents, chunks.length);
        expect(applyPatch(table.base, chunks, ranges).equals(toBytes(table.target))).toBe(true);
      }),
    );
  });

  it('has the rows that differ, once each, and says of every content how many', () => {
    fc.assert(
      fc.property(changedTable, (table) => {
        const { chunks, contents } = makePatch(table);
        const old = new Set(table.base.map((row) => toLine(row).toString()));
        const differing = table.target.map((row) => toLine(row).toString()).filter((row) => !old.has(row));
        const ranges = readPatch(contents, chunks.length);
        expect(ranges.flatMap(({ rows }) => rows.map(String))).toEqual(differing);
        const counted = contents.map(({ content }) => parsePatch(content, chunks.length));
        expect(contents.map(({ rows }) => rows)).toEqual(
          counted.map((read) => read.reduce((sum, { rows }) => sum + rows.length, 0)),
        );
      }),
    );
  });

  it('is one frame for a hundred changes all over a table', () => {
    const base = Array.from({ length: 60_000 }, (_, index) => ({
      key: String(1_000_000 + index),
      fill: 100,
    }));
    const target = base.flatMap((row, index) => {
      if (index % 600 !== 0) return [row];
      if (index % 3_000 === 0) return [];
      return [{ ...row, letter: 'y' }];
    });
    const { chunks, contents } = makePatch({ base, target });
    expect(chunks.length).toBeGreaterThan(80);
    expect(contents.length).toBe(1);
    expect(contents[0]!.rows).toBe(80);
    expect(contents[0]!.content.length).toBeLessThan(100 * (109 + RANGE_LINE_MAX_BYTES));
  });

  it('is nothing where nothing differs', () => {
    expect(write([])).toEqual([]);
    expect(write([{ position: 3, count: 1, deletedKeys: [], rows: [] }])).toEqual([]);
  });
});

function compare(base: string[], target: string[], keyColumns: number): unknown {
  const [old, now] = [base, target].map((rows) => Buffer.concat(lines(...rows))) as [Buffer, Buffer];
  const { deletedKeys, rows } = compareRows(old, now, keyColumns);
  return { deletedKeys: toText(deletedKeys), rows: toText(rows) };
}

const keyOf = ([a, b]: string[]): string => `${a}\t${b}`;
const rowOf = (row: string[]): string => row.join('\t');

describe('the rows that differ', () => {
  it.each<[string, number, string[], string[], string[], string[]]>([
    ['none', 1, ['1\ta', '2\tb'], ['1\ta', '2\tb'], [], []],
    ['one of each kind', 1, ['1\ta', '2\tb', '3\tc'], ['0\tz', '1\tA', '3\tc'], ['2'], ['0\tz', '1\tA']],
    ['all, when there were none', 1, [], ['1\ta', '2\tb'], [], ['1\ta', '2\tb']],
    ['none, when all are gone', 1, ['1\ta', '2\tb'], [], ['1', '2'], []],
    [
      'those with the same first column',
      2,
      ['1\t1\ta', '1\t2\ta'],
      ['1\t1\ta', '1\t3\ta'],
      ['1\t2'],
      ['1\t3\ta'],
    ],
    ['those whose key begins another', 2, ['a\t1\tx', 'a\t11\tx'], ['a\t11\tx'], ['a\t1'], []],
    ['those whose columns make the same text', 2, ['a\tbc\tx'], ['ab\tc\tx'], ['a\tbc'], ['ab\tc\tx']],
    ['those with an empty column', 2, ['\ta\tx', 'a\t\tx'], ['a\t\ty'], ['\ta'], ['a\t\ty']],
    ['those with nothing but a key', 2, ['1\ta', '1\tb'], ['1\tb', '1\tc'], ['1\ta'], ['1\tc']],
    ['those with nothing but an empty key', 1, [''], [], [''], []],
    ['those whose key is equal and has another text', 1, ['1.0\ta'], ['1.00\ta'], ['1.0'], ['1.00\ta']],
    [
      'those with escapes and letters of several bytes',
      1,
      ['ä\\t\tx', '漢\tx'],
      ['ä\\t\ty'],
      ['漢'],
      ['ä\\t\ty'],
    ],
  ])('are %s', (_, keyColumns, base, target, deletedKeys, rows) => {
    expect(compare(base, target, keyColumns)).toEqual({ deletedKeys, rows });
  });

  it('are those of the definition, for keys of two columns', () => {
    const text = fc.constantFrom('', 'a', 'b', 'aa', 'ä', '\\t', '1');
    const table = fc.uniqueArray(fc.tuple(text, text, text), { selector: keyOf });
    fc.assert(
      fc.property(table, table, (base, target) => {
        const [keys, old] = [new Set(target.map(keyOf)), new Set(base.map(rowOf))];
        expect(compare(base.map(rowOf), target.map(rowOf), 2)).toEqual({
          deletedKeys: base.map(keyOf).filter((key) => !keys.has(key)),
          rows: target.map(rowOf).filter((row) => !old.has(row)),
        });
      }),
    );
  });
});

describe('the contents of a patch', () => {
  const line = fc.integer({ min: 0, max: 30_000 }).map((size) => Buffer.from(`${'x'.repeat(size)}\n`));
  const list = fc.array(line, { maxLength: 12, size: 'max' });
  const ranges = fc
    .array(fc.record({ gap: fc.nat({ max: 3 }), count: fc.nat({ max: 3 }), deletedKeys: list, rows: list }), {
      maxLength: 12,
      size: 'max',
    })
    .map((records) => {
      let next = 0;
      return records.map(({ gap, ...range }): PatchRange => {
        const position = next + gap;
        next = position + range.count + 1;
        return { position, ...range };
      });
    });

  it('have all that was written, in its order', () => {
    fc.assert(
      fc.property(ranges, (written) => {
        const read: PatchRange[] = [];
        for (const range of readPatch(write(written), 1_000)) {
          const last = read.at(-1);
          if (last?.position !== range.position) read.push(range);
          else {
            last.deletedKeys.push(...range.deletedKeys);
            last.rows.push(...range.rows);
          }
        }
        const changing = written.filter(({ deletedKeys, rows }) => deletedKeys.length + rows.length > 0);
        expect(read.map(withTexts)).toEqual(changing.map(withTexts));
      }),
    );
  });

  it('end with the line that fills them, and only the last is short', () => {
    fc.assert(
      fc.property(ranges, (written) => {
        const contents = write(written).map(({ content }) => content);
        for (const content of contents) {
          const beforeLastLine = content.lastIndexOf('\n', -2) + 1;
          expect(beforeLastLine).toBeLessThan(PATCH_TARGET_BYTES);
        }
        // The writer counts 44 bytes for every range line.
        const slack = RANGE_LINE_MAX_BYTES * written.length;
        expect(contents.slice(0, -1).filter(({ length }) => length < PATCH_TARGET_BYTES - slack)).toEqual([]);
      }),
    );
  });

  it('are bounded when the lines before ranges are longer than what they announce', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => ({
      position: 2_000_000_000 + 2 * index,
      count: 1,
      deletedKeys: [],
      rows: lines('1'),
    }));
    for (const { content } of write(many)) expect(content.length).toBeLessThan(PATCH_TARGET_BYTES + 100);
  });

  it('fit into a frame when a row of the largest size comes last', () => {
    const almost = lines('x'.repeat(PATCH_TARGET_BYTES - RANGE_LINE_MAX_BYTES - 2));
    const largest = lines('x'.repeat(ROW_MAX_BYTES - 1));
    const contents = write([
      { position: 0, count: 1, deletedKeys: almost, rows: [] },
      { position: 2, count: 1, deletedKeys: [], rows: largest },
    ]);
    expect(contents.length).toBe(1);
    expect(contents[0]!.content.length).toBeGreaterThan(ROW_MAX_BYTES + PATCH_TARGET_BYTES / 2);
    expect(contents[0]!.content.length).toBeLessThan(FRAME_CONTENT_MAX_BYTES);
  });

  it('go on with the same span: the keys first, then the rows', () => {
    const half = PATCH_TARGET_BYTES / 2;
    const contents = write([
      {
        position: 4,
        count: 2,
        deletedKeys: lines('a'.repeat(half), 'b'.repeat(half), 'c'.repeat(half)),
        rows: lines('d'.repeat(half)),
      },
      { position: 7, count: 0, deletedKeys: [], rows: lines('e') },
    ]);
    const heads = contents.map(({ content }) =>
      parsePatch(content, 9).map(({ position, count, deletedKeys, rows }) => [
        position,
        count,
        deletedKeys.length,
        rows.length,
      ]),
    );
    expect(heads).toEqual([[[4, 2, 2, 0]], [[4, 2, 1, 1]], [[7, 0, 0, 1]]]);
  });
});
