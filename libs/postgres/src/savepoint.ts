import type { ClientBase } from 'pg';

/**
 * Runs `work` in a savepoint of the open transaction. If it throws, its changes are rolled back, the transaction stays
 * usable, and the error is rethrown.
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

/** Like {@link inSavepoint}, but always rolls back the changes of `work` and releases its locks. */
export async function inUndoneSavepoint<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('SAVEPOINT rivulet');
  try {
    return await work();
  } finally {
    await undo(client);
  }
}

/** Fails only if the connection is lost, and then the error of `work` is the relevant one. */
async function undo(client: ClientBase): Promise<void> {
  await client.query('ROLLBACK TO SAVEPOINT rivulet; RELEASE SAVEPOINT rivulet').catch(() => undefined);
}
