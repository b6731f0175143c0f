import type { ClientBase } from 'pg';

type Settings = Record<string, 'on' | 'off' | number>;

/**
 * For statements that join a mirror with staged rows: few are looked up, many are merged along both primary keys.
 * Comparing and updating a million rows took 1.3 s when none and 5.1 s when all had changed. By hashing, which
 * PostgreSQL prefers, it took 2.7 and 11.7 s: that spills to disk, and updates rows in another order than the key's.
 */
export const lookUpOrMerge: Settings = { enable_hashjoin: 'off' };

/**
 * For joins within key ranges. PostgreSQL cannot judge how much is in a range: it has no statistics of a mirror
 * that was just filled, and takes the two ends of a range over several columns as independent. Expecting a few rows
 * it might compare every row with every other.
 */
export const mergeRanges: Settings = { enable_hashjoin: 'off', enable_nestloop: 'off' };

/**
 * For key ranges that are a small part of the table: they are read by the index over the key. Left alone PostgreSQL
 * reads the whole table for one chunk, with workers and compiled code, for the same reason.
 */
export const findRanges: Settings = {
  ...mergeRanges,
  enable_seqscan: 'off',
  max_parallel_workers_per_gather: 0,
  jit: 'off',
};

/** Left alone PostgreSQL may begin to read a large table where another session is, and read the beginning last. */
export const readFromTheStart: Settings = { synchronize_seqscans: 'off' };

/** When the work fails the transaction is lost, and the settings with it. */
export async function withSettings<T>(
  client: ClientBase,
  settings: Settings,
  work: () => Promise<T>,
): Promise<T> {
  const names = Object.keys(settings);
  await client.query(names.map((name) => `SET LOCAL ${name} TO ${settings[name]}`).join('; '));
  const result = await work();
  await client.query(names.map((name) => `SET LOCAL ${name} TO DEFAULT`).join('; '));
  return result;
}
