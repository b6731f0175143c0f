/** A difference of two lists of chunks: `newCount` chunks of the target replace `count` chunks of the base. */
export interface ChunkSpan {
  /** Position in the base of the first replaced chunk, or of the chunk before which new ones are inserted. */
  position: number;
  count: number;
  /** Position in the target of the first new chunk. */
  newPosition: number;
  newCount: number;
}

/**
 * The spans that turn the base into the target, in ascending order; at least one common chunk lies between two spans.
 * Both lists have digests in key order, and keys are unique, so no digest repeats, common chunks come in the same order,
 * and the spans are minimal. Other lists, which only a dishonest peer can send, give spans that may be larger but still
 * turn one list into the other.
 */
export function compareChunkLists(base: readonly string[], target: readonly string[]): ChunkSpan[] {
  const places = new Map(base.map((digest, place) => [digest, place]));
  const spans: ChunkSpan[] = [];
  let position = 0;
  let newPosition = 0;
  const close = (end: number, newEnd: number): void => {
    const [count, newCount] = [end - position, newEnd - newPosition];
    if (count > 0 || newCount > 0) spans.push({ position, count, newPosition, newCount });
    position = end + 1;
    newPosition = newEnd + 1;
  };
  for (const [newPlace, digest] of target.entries()) {
    const place = places.get(digest);
    if (place !== undefined && place >= position) close(place, newPlace);
  }
  close(base.length, target.length);
  return spans;
}
