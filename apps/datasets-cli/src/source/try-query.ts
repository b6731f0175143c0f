import { isInterruption, inSavepoint, isPostgresError, type PostgresError } from '@rivulet/postgres';
import type { ClientBase } from 'pg';

/** Returns the result of `work`, or PostgreSQL's error. The transaction stays usable. */
export async function tryQuery<T>(client: ClientBase, work: () => Promise<T>): Promise<T | PostgresError> {
  try {
    return await inSavepoint(client, work);
  } catch (error) {
    if (!isPostgresError(error) || isInterruption(error)) throw error;
    return error;
  }
}
