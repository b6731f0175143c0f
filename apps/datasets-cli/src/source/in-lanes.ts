import type { Pool } from 'pg';
import { inTransaction, withClient, type TransactionOptions } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/**
 * Connections that share the work on many datasets: PostgreSQL works on one while this process works on another. More
 * would be no faster on two cores, and are connections that the source's applications cannot have.
 */
const LANES = 2;

/** The results of `work` for each item, in their order. Each lane has one transaction that reads the source. */
export async function inLanes<Item, Result>(
  source: Pool,
  options: TransactionOptions,
  items: readonly Item[],
  work: (client: ClientBase, item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  let isOver = false;
  const lane = async (client: ClientBase): Promise<void> => {
    for (const [index, item] of left) {
      if (isOver) return;
      results[index] = await work(client, item);
    }
  };
  const lanes = Array.from({ length: Math.min(LANES, items.length) }, () =>
    withClient(source, (client) => inTransaction(client, options, () => lane(client))).catch(
      (error: unknown) => {
        isOver = true;
        throw error;
      },
    ),
  );
  await allOf(lanes);
  return results;
}

/** Like Promise.all, and when one fails the others have ended, too. */
export async function allOf<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
