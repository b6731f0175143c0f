/** In as few rounds as possible, each with every key once at most: a statement may touch a row but once. Items with the same key stay in order. */
export function distinctRounds<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[][] {
  const rounds: Item[][] = [];
  const times = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    const round = times.get(key) ?? 0;
    times.set(key, round + 1);
    (rounds[round] ??= []).push(item);
  }
  return rounds;
}
