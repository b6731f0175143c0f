import type { ClientBase } from 'pg';

/**
 * Runs `work` in a savepoint of the open transaction. When it throws, what it did is undone, the transaction goes on,
 * and the error is thrown again.
 */
export async function inSavepoint<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('SAVEPOINT rivulet');
  try {
    const result = await work();
    await client.query('RELEASE SAVEPOINT rivulet');
    return result;
  } catch (error) {
    await undo(client);
    throw error;
  }
}

/** The same, and what `work` did is undone in any case, the locks that it took included. */
export async function inUndoneSavepoint<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('SAVEPOINT rivulet');
  try {
    return await work();
  } finally {
    await undo(client);
  }
}

/** Fails only when the connection is gone, and then the error of `work` is the one that matters. */
async function undo(client: ClientBase): Promise<void> {
  await client.query('ROLLBACK TO SAVEPOINT rivulet; RELEASE SAVEPOINT rivulet').catch(() => undefined);
}
