/** Groups of what is sent to PostgreSQL, or read from it, at once: at most `mostSize` together, or a single one that is larger. */
export function* inBatches<T>(
  items: Iterable<T>,
  sizeOf: (item: T) => number,
  mostSize: number,
): Generator<T[], void> {
  let batch: T[] = [];
  let batchSize = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (batch.length > 0 && batchSize + size > mostSize) {
      yield batch;
      batch = [];
      batchSize = 0;
    }
    batch.push(item);
    batchSize += size;
  }
  if (batch.length > 0) yield batch;
}
