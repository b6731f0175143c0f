import { compareChunkLists } from './chunk-spans';

/** A chunk in a list: its digest, and what its last row is known by. */
export interface ListedChunk {
  /** Lower-case hex. */
  digest: string;
  /** The size of its content. */
  bytes: number;
  lastKey: string;
}

/** Chunks that go and those that come in their place. */
export interface ChangedSpan<T extends ListedChunk> {
  /** The position of the first replaced chunk in its list. */
  position: number;
  before: T[];
  after: T[];
  /** Content of all of these. */
  bytes: number;
}

/**
 * Where two lists differ, in pieces as small as can be: many changes far apart can leave no chunk as it was, but most
 * still end with the same row.
 */
export function changedSpans<T extends ListedChunk>(base: T[], next: T[]): ChangedSpan<T>[] {
  const spans = compareChunkLists(digestsOf(base), digestsOf(next));
  return spans.flatMap(({ position, count, newPosition, newCount }) => {
    const goes = base.slice(position, position + count);
    const comes = next.slice(newPosition, newPosition + newCount);
    return splitAtCommonEnds(goes, comes).map(({ before, after, offset }) => {
      return { position: position + offset, before, after, bytes: bytesOf(before) + bytesOf(after) };
    });
  });
}

function splitAtCommonEnds<T extends ListedChunk>(
  goes: T[],
  comes: T[],
): { before: T[]; after: T[]; offset: number }[] {
  const places = new Map(goes.map(({ lastKey }, place) => [lastKey, place]));
  const pieces: { before: T[]; after: T[]; offset: number }[] = [];
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

function bytesOf(list: ListedChunk[]): number {
  return list.reduce((total, { bytes }) => total + bytes, 0);
}
