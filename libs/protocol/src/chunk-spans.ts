/** Where two lists of chunks differ: `count` chunks of the base give way to `newCount` of the target. */
export interface ChunkSpan {
  /** The place in the base of the first chunk that goes, or of the one before which new ones come. */
  position: number;
  count: number;
  /** The place in the target of the first new chunk. */
  newPosition: number;
  newCount: number;
}

/**
 * The spans that turn the base into the target, ascending; between two of them is at least one chunk that both
 * have. Both list digests in key order, and keys do not repeat: so neither names a chunk twice, common ones come in
 * the same order, and the spans are the smallest there are. Other lists, which only a peer that lies can send, give
 * spans that may be larger, but still turn the one into the other.
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
