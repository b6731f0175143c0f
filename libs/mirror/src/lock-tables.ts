import { setTimeout as sleep } from 'node:timers/promises';
import { hasSqlState, inSavepoint, sqlState } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/** New readers of a table queue behind whoever waits for it alone: for so long at a time, and no longer. */
const TRY_MS = 100;

export interface LockPatience {
  /** How long to go on trying. */
  patienceMs: number;
  /** Ends it sooner. */
  signal: AbortSignal;
}

/**
 * Locks tables against everybody, all or none, in short tries between which readers come through. Until it succeeds no
 * reader waits longer than one try, and none that holds one of the tables and wants another waits for ever.
 *
 * @throws PostgreSQL's error of the last try · the signal's reason
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
      // A deadlock, too: PostgreSQL ends one of two sessions that wait for each other.
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
