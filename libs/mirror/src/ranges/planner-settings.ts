import type { ClientBase } from 'pg';

type Settings = Record<string, 'on' | 'off' | number>;

/**
 * For statements that join a mirror with staged rows: a few are looked up, many are merged along both primary keys.
 * Comparing and updating a million rows took 1.3 s when none and 5.1 s when all had changed. A hash join, which
 * PostgreSQL prefers, took 2.7 and 11.7 s: it spills to disk and does not update the rows in key order.
 */
export const lookUpOrMerge: Settings = { enable_hashjoin: 'off' };

/**
 * For joins within key ranges. PostgreSQL cannot estimate the rows in a range: it has no statistics of a mirror that was
 * just loaded, and treats the two ends of a range over several columns as independent. If it expected a few rows it
 * might compare every row with every other.
 */
export const mergeRanges: Settings = { enable_hashjoin: 'off', enable_nestloop: 'off' };

/**
 * For key ranges that are a small part of the table: reads them by the index on the key. By default PostgreSQL reads the
 * whole table for one chunk, with parallel workers and JIT, for the same reason.
 */
export const findRanges: Settings = {
  ...mergeRanges,
  enable_seqscan: 'off',
  max_parallel_workers_per_gather: 0,
};

/** The same for rows that are wanted in the order of the key: in that of the table they would be sorted, which takes 5 % longer. */
export const readRangesInOrder: Settings = { ...findRanges, enable_bitmapscan: 'off' };

/** By default PostgreSQL may start reading a large table where another session is, and read its beginning last. */
export const readFromTheStart: Settings = { synchronize_seqscans: 'off' };

/** Applies settings while `work` runs. If it fails, the transaction is lost, and the settings with it. */
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
