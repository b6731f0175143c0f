import { isInterruption, inUndoneSavepoint, isPostgresError, type PostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/**
 * Returns the result of `work`, which only reads, or PostgreSQL's error. The transaction stays usable, and keeps no lock: those
 * of a thousand queries are more than a server has room for.
 */
export async function tryQuery<T>(client: ClientBase, work: () => Promise<T>): Promise<T | PostgresError> {
  try {
    return await inUndoneSavepoint(client, work);
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    return error;
  }
}
