import { compareChunkLists } from '@rivulet/protocol';
import { bytesOf, type ListedChunk } from './chunk-list';

/** Chunks that go and those that come in their place. */
export interface ChangedSpan {
  /** The position of the first replaced chunk in its list. */
  position: number;
  before: ListedChunk[];
  after: ListedChunk[];
  /** Content of all of these. */
  bytes: number;
}

/**
 * Where two lists differ, in pieces as small as can be: many changes far apart can leave no chunk as it was, but most
 * still end with the same row.
 */
export function changedSpans(base: ListedChunk[], next: ListedChunk[]): ChangedSpan[] {
  const spans = compareChunkLists(digestsOf(base), digestsOf(next));
  return spans.flatMap(({ position, count, newPosition, newCount }) => {
    const goes = base.slice(position, position + count);
    const comes = next.slice(newPosition, newPosition + newCount);
    return splitAtCommonEnds(goes, comes).map(({ before, after, offset }) => {
      return { position: position + offset, before, after, bytes: bytesOf(before) + bytesOf(after) };
    });
  });
}

function splitAtCommonEnds(
  goes: ListedChunk[],
  comes: ListedChunk[],
): { before: ListedChunk[]; after: ListedChunk[]; offset: number }[] {
  const places = new Map(goes.map(({ lastKey }, place) => [lastKey, place]));
  const pieces: ReturnType<typeof splitAtCommonEnds> = [];
  let offset = 0;
  let start = 0;
  const cut = (end: number, newEnd: number): void => {
    if (end > offset || newEnd > start) {
      pieces.push({ before: goes.slice(offset, end), after: comes.slice(start, newEnd), offset });
    }
    offset = end;
    start = newEnd;
  };
  for (const [newPlace, { lastKey }] of comes.entries()) {
    const place = places.get(lastKey);
    if (place !== undefined && place >= offset) cut(place + 1, newPlace + 1);
  }
  cut(goes.length, comes.length);
  return pieces;
}

function digestsOf(list: ListedChunk[]): string[] {
  return list.map(({ digest }) => digest);
}
