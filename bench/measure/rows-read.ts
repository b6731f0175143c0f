import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';

/** An idle session tells what it has read 10 s after its last statement, if not before. */
const TOLD_AFTER_MS = 11_000;

/** Rows that have been read of each table of the data owner, whoever read them. */
export async function rowsRead(pool: Pool): Promise<Record<string, number>> {
  await pool.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await pool.query<{ name: string; number: string }>(
    `SELECT relname AS name, seq_tup_read + coalesce(idx_tup_fetch, 0) AS number
     FROM pg_stat_user_tables WHERE schemaname = 'public'`,
  );
  return Object.fromEntries(rows.map(({ name, number }) => [name, Number(number)]));
}

/** The same of all tables together, when the sessions that are open have told what they have read. */
export async function totalRowsRead(pool: Pool): Promise<number> {
  await delay(TOLD_AFTER_MS);
  return total(await rowsRead(pool));
}

export function total(reads: Record<string, number>): number {
  return Object.values(reads).reduce((sum, number) => sum + number, 0);
}
