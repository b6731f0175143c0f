/** Limits of an LRUCache that may never be full: for `max` all of its room is made at the start (2 MB and 10 ms of 50,000 entries). */
export function atMostEntries(count: number): { maxSize: number; sizeCalculation: () => number } {
  return { maxSize: count, sizeCalculation: () => 1 };
}
