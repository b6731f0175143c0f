import { setTimeout as sleep } from 'node:timers/promises';
import { hasSqlState, inSavepoint, sqlState } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/** How long one attempt may wait. New readers of a table queue behind a waiting exclusive lock. */
const TRY_MS = 100;

export interface LockPatience {
  /** How long to keep trying. */
  patienceMs: number;
  /** Aborts the attempts. */
  signal: AbortSignal;
}

/**
 * Locks all tables exclusively, or none, in short attempts with pauses in which readers proceed. No reader waits longer
 * than one attempt, and a reader that has one table and wants another does not wait forever.
 *
 * @throws PostgreSQL's error of the last attempt · the signal's reason
 */
export async function lockTables(
  client: ClientBase,
  qualifiedNames: string[],
  { patienceMs, signal }: LockPatience,
): Promise<void> {
  if (qualifiedNames.length === 0) return;
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const left = deadline - performance.now();
    try {
      await inSavepoint(client, () => lockWithin(client, qualifiedNames, Math.min(TRY_MS, left)));
      await client.query(`SET LOCAL lock_timeout = ${patienceMs}`);
      return;
    } catch (error) {
      // Includes deadlocks: PostgreSQL cancels one of two sessions that wait for each other.
      const isLocked = hasSqlState(error, sqlState.lockNotAvailable, sqlState.deadlockDetected);
      if (!isLocked || left <= TRY_MS) throw error;
      await sleep(TRY_MS * (0.5 + Math.random()));
      signal.throwIfAborted();
    }
  }
}

async function lockWithin(client: ClientBase, qualifiedNames: string[], budgetMs: number): Promise<void> {
  const end = performance.now() + budgetMs;
  for (const name of qualifiedNames) {
    const timeoutMs = Math.max(1, Math.round(end - performance.now()));
    await client.query(`SET LOCAL lock_timeout = ${timeoutMs}; LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
  }
}
