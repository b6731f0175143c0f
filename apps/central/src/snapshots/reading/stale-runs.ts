import { CHUNK_MAX_BYTES } from '@rivulet/protocol';
import type { KeyPlace } from '@rivulet/snapshot';

/** Consecutive chunks of a list that are to be read again, together. */
export interface StaleRun {
  first: number;
  /** Included. The last of the list stands for all that comes behind it, too. */
  last: number;
}

/**
 * The runs of chunks outside of which a whole reading would cut the same chunks as before, when nothing has changed but rows
 * with these keys.
 *
 * A chunk ends in one of three ways: after a row whose own key and size say so, before a row that would make it too large, or
 * with the table. Only the first depends on nothing behind it. Two neighbours that together are not too large show that
 * the one in front did not end in the second way. So a run begins behind such an end, and goes on to such an end whose row has
 * not changed: there a whole reading begins a new chunk, too, whatever it has cut before.
 *
 * @param bytes of each chunk
 * @param places of the changed keys among the last keys of the chunks
 */
export function staleRuns(bytes: readonly number[], places: readonly KeyPlace[]): StaleRun[] {
  const end = bytes.length - 1;
  const changedEnds = new Set(places.filter(({ isEqual }) => isEqual).map(({ place }) => place));
  const isOwnEnd = (chunk: number): boolean =>
    chunk < end && bytes[chunk]! + bytes[chunk + 1]! <= CHUNK_MAX_BYTES;
  const touched = [...new Set(places.map(({ place }) => Math.min(place, end)))].toSorted((a, b) => a - b);
  const runs: StaleRun[] = [];
  for (const chunk of touched) {
    const previous = runs.at(-1);
    if (previous !== undefined && chunk <= previous.last) continue;
    const first = chunk > 0 && !isOwnEnd(chunk - 1) ? chunk - 1 : chunk;
    let last = chunk;
    while (last < end && (!isOwnEnd(last) || changedEnds.has(last))) last += 1;
    if (previous !== undefined && first <= previous.last + 1) previous.last = last;
    else runs.push({ first, last });
  }
  return runs;
}
