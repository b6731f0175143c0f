import * as fc from 'fast-check';
import { changedTable } from '../../test/arbitrary-rows';
import { cut, digestsOf, factsOf, toBytes } from '../../test/canonical-rows';
import { compareChunkLists, type ChunkSpan } from './chunk-spans';

/** The base with its spans replaced by those of the target. */
function replaceSpans(base: string[], target: string[], spans: ChunkSpan[]): string[] {
  const list = [...base];
  for (const { position, count, newPosition, newCount } of spans.toReversed()) {
    list.splice(position, count, ...target.slice(newPosition, newPosition + newCount));
  }
  return list;
}

/** How many chunks both lists have before each span, and after the last. */
function keptAround(
  base: string[],
  target: string[],
  spans: ChunkSpan[],
): { kept: number; newKept: number }[] {
  let [end, newEnd] = [0, 0];
  const around = spans.map(({ position, count, newPosition, newCount }) => {
    const gap = { kept: position - end, newKept: newPosition - newEnd };
    [end, newEnd] = [position + count, newPosition + newCount];
    return gap;
  });
  return [...around, { kept: base.length - end, newKept: target.length - newEnd }];
}

/** The spans, found to be in order. */
function spansBetween(base: string[], target: string[]): ChunkSpan[] {
  const spans = compareChunkLists(base, target);
  for (const [index, { kept, newKept }] of keptAround(base, target, spans).entries()) {
    expect(newKept).toBe(kept);
    const isBetween = index > 0 && index < spans.length;
    expect(kept).toBeGreaterThanOrEqual(isBetween ? 1 : 0);
  }
  for (const { count, newCount } of spans) expect(count + newCount).toBeGreaterThan(0);
  return spans;
}

describe('the spans between two lists of chunks', () => {
  it('lead from one table to another and have no chunk that both have', () => {
    fc.assert(
      fc.property(changedTable, (table) => {
        const base = digestsOf(factsOf(cut([toBytes(table.base)])));
        const target = digestsOf(factsOf(cut([toBytes(table.target)])));
        const spans = spansBetween(base, target);
        expect(replaceSpans(base, target, spans)).toEqual(target);
        const gone = spans.flatMap(({ position, count }) => base.slice(position, position + count));
        const common = new Set(target);
        expect(gone.filter((digest) => common.has(digest))).toEqual([]);
      }),
    );
  });

  it.each<[string, string, string, ChunkSpan[]]>([
    ['nothing to nothing', '', '', []],
    ['a list to itself', 'abc', 'abc', []],
    ['nothing to a list', '', 'ab', [{ position: 0, count: 0, newPosition: 0, newCount: 2 }]],
    ['a list to nothing', 'ab', '', [{ position: 0, count: 2, newPosition: 0, newCount: 0 }]],
    ['a list to another', 'ab', 'xyz', [{ position: 0, count: 2, newPosition: 0, newCount: 3 }]],
    ['new chunks at the start', 'ab', 'xab', [{ position: 0, count: 0, newPosition: 0, newCount: 1 }]],
    ['new chunks between others', 'ab', 'axyb', [{ position: 1, count: 0, newPosition: 1, newCount: 2 }]],
    ['new chunks at the end', 'ab', 'abx', [{ position: 2, count: 0, newPosition: 2, newCount: 1 }]],
    ['a chunk that is gone', 'abc', 'ac', [{ position: 1, count: 1, newPosition: 1, newCount: 0 }]],
    ['one chunk for two', 'abcd', 'axd', [{ position: 1, count: 2, newPosition: 1, newCount: 1 }]],
    [
      'changes with a single chunk between them',
      'abc',
      'xby',
      [
        { position: 0, count: 1, newPosition: 0, newCount: 1 },
        { position: 2, count: 1, newPosition: 2, newCount: 1 },
      ],
    ],
  ])('are, from %s', (_, base, target, expected) => {
    expect(compareChunkLists(base.split(''), target.split(''))).toEqual(expected);
  });

  it('lead from any list to any other, even if chunks repeat or come in another order', () => {
    const list = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 12 });
    fc.assert(
      fc.property(list, list, (base, target) => {
        const spans = spansBetween(base, target);
        expect(replaceSpans(base, target, spans)).toEqual(target);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the rows in the key range of a span', () => {
  it('make, cut alone, the chunks that the target has there', () => {
    fc.assert(
      fc.property(changedTable, (table) => {
        const base = factsOf(cut([toBytes(table.base)]));
        const target = factsOf(cut([toBytes(table.target)]));
        for (const span of compareChunkLists(digestsOf(base), digestsOf(target))) {
          const after = base[span.position - 1]?.lastKey ?? '';
          const before = base[span.position + span.count]?.firstKey ?? '~';
          const rows = table.target.filter(({ key }) => key > after && key < before);
          const expected = target.slice(span.newPosition, span.newPosition + span.newCount);
          expect(factsOf(cut([toBytes(rows)]))).toEqual(expected);
        }
      }),
    );
  });
});
