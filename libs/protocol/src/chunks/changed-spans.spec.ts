import { changedSpans, type ListedChunk } from './changed-spans';

/** Chunks of ten bytes, each named `digest:lastKey`. */
function listOf(...chunks: string[]): ListedChunk[] {
  return chunks.map((chunk) => {
    const [digest, lastKey] = chunk.split(':') as [string, string];
    return { digest, lastKey, bytes: 10 };
  });
}

function shown(list: ListedChunk[]): string {
  return list.map(({ digest }) => digest).join('');
}

/** Each span: position, digests that go, digests that come. */
function shownSpans(base: ListedChunk[], next: ListedChunk[]): string[] {
  return changedSpans(base, next).map(({ position, before, after, bytes }) => {
    expect(bytes).toBe(10 * (before.length + after.length));
    return `${position} ${shown(before)}>${shown(after)}`;
  });
}

it('are none between equal lists', () => {
  expect(shownSpans(listOf('a:1', 'b:2'), listOf('a:1', 'b:2'))).toEqual([]);
});

it('leave out what is equal on both sides', () => {
  expect(shownSpans(listOf('a:1', 'b:2', 'c:3'), listOf('a:1', 'x:2', 'c:3'))).toEqual(['1 b>x']);
});

it('are split where old and new chunks end with the same row', () => {
  expect(shownSpans(listOf('a:1', 'b:2', 'c:3'), listOf('x:1', 'y:2', 'z:3'))).toEqual([
    '0 a>x',
    '1 b>y',
    '2 c>z',
  ]);
});

it('may take away chunks, or only add some', () => {
  expect(shownSpans(listOf('a:1', 'b:2'), listOf('a:1'))).toEqual(['1 b>']);
  expect(shownSpans(listOf('a:1'), listOf('a:1', 'b:2', 'c:3'))).toEqual(['1 >bc']);
});
