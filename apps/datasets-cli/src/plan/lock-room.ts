import type { ClientBase } from 'pg';

/** Locks of this session on relations, and for how many the server has room, for all sessions together. */
export interface LockRoom {
  held: number;
  room: number;
}

export async function readLockRoom(client: ClientBase): Promise<LockRoom> {
  const { rows } = await client.query<LockRoom>(lockRoom);
  return rows[0]!;
}

/** https://www.postgresql.org/docs/current/runtime-config-locks.html */
const lockRoom = `
SELECT (SELECT count(*)::int FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation') AS held,
  current_setting('max_locks_per_transaction')::int
    * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int) AS room`;
