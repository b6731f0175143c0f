import type { Pool } from 'pg';

/**
 * Which of these tables somebody has locked so that they cannot be read, and who: in words, or undefined when nobody has
 * any more. Also a role without rights sees the process and its application_name.
 */
export async function describeLockHolders(pool: Pool, oids: string[]): Promise<string | undefined> {
  const { rows } = await pool.query<LockHolder>(findHolders, [oids]);
  if (rows.length === 0) return undefined;
  return rows.map(describe).join('; ');
}

interface LockHolder {
  table: string;
  pid: number;
  user: string | null;
  application: string | null;
}

function describe({ table, pid, user, application }: LockHolder): string {
  const names = [application === '' ? null : application, user].filter((name) => name !== null);
  return `table ${table} is locked by process ${pid}${names.length === 0 ? '' : ` (${names.join(', ')})`}`;
}

/** The first few: of partitions there may be thousands. */
const findHolders = `
SELECT format('%I.%I', nspname, relname) AS table, held.pid, usename AS user, application_name AS application
FROM pg_locks held
JOIN pg_class class ON class.oid = held.relation JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_stat_activity activity ON activity.pid = held.pid
WHERE held.locktype = 'relation' AND held.granted AND held.mode = 'AccessExclusiveLock'
  AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND held.relation = ANY ($1::oid[]) AND held.pid <> pg_backend_pid()
ORDER BY nspname, relname LIMIT 3`;
