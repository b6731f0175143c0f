import type { ClientBase } from 'pg';

/**
 * Whether all the tables that a REPEATABLE READ transaction has read were as it saw them. What TRUNCATE has emptied,
 * ALTER … TYPE has rewritten or CREATE TABLE has made since the moment of the transaction looks empty to it:
 * https://www.postgresql.org/docs/current/mvcc-caveats.html
 *
 * To be asked when all is read: the locks that say what that was stay until the end, and nobody can do it later.
 * pg_relation_filenode() tells of now, pg_class of the moment.
 */
export async function isConsistentRead(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ isOne: boolean }>({
    name: 'rivulet consistent read',
    text: `
    SELECT NOT EXISTS (
      SELECT FROM pg_lock_status() AS held LEFT JOIN pg_class class ON class.oid = held.relation
      WHERE held.pid = pg_backend_pid() AND held.locktype = 'relation'
        AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (class.oid IS NULL OR (
          relkind IN ('r', 'm') AND relfilenode <> 0 AND pg_relation_filenode(class.oid) IS DISTINCT FROM relfilenode))
    ) AS "isOne"`,
  });
  return rows[0]!.isOne;
}
