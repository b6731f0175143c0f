import type { ClientBase } from 'pg';
import { canonicalSettings } from '../canonical-session';

export interface SessionLimits {
  /** Longest time of a statement outside a transaction of ours, which sets its own. */
  statementTimeoutMs: number;
  /** Longest wait for a lock outside a transaction of ours. */
  lockTimeoutMs: number;
}

/** Who the server says that a connection is. */
export interface Backend {
  pid: number;
  /** Seconds since 1970, as text. Together with the pid it names one session of one server for ever. */
  startedAt: string;
}

/** How soon the server finds that a client without a network is gone, and ends its session, locks and transaction. */
const KEEPALIVES = { tcp_keepalives_idle: '10', tcp_keepalives_interval: '5', tcp_keepalives_count: '4' };

/**
 * Every connection has these, whatever the role, the database or the server's configuration say. The settings that
 * decide what a query means (`search_path`, `lc_numeric`, `lc_time`, `default_text_search_config`) and where tables are
 * made (`default_tablespace`) are left to them.
 */
const pinnedSettings: Record<string, string> = {
  ...canonicalSettings,
  quote_all_identifiers: 'off',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  row_security: 'on',
  client_min_messages: 'notice',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  // A guess about millions of rows in the catalogue, which has a few, made the compiler run for seconds on each query.
  jit: 'off',
  // A transaction of ours has a limit of its own; these two are for whoever forgets one.
  idle_in_transaction_session_timeout: '60000',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  ...KEEPALIVES,
};

/**
 * A setting that this server does not have is left out. `synchronous_commit` is raised only from `off`, which forgets
 * commits: each other value waits for our own disk, and may wait for standbys on purpose.
 */
const applySettings = `
SELECT pg_backend_pid() AS pid,
  (SELECT extract(epoch FROM backend_start)::text FROM pg_stat_get_activity(pg_backend_pid())) AS "startedAt",
  (SELECT count(set_config(name, value, false))
   FROM unnest($1::text[], $2::text[]) AS setting (name, value)
   WHERE current_setting(name, true) IS NOT NULL
     AND (name <> 'synchronous_commit' OR current_setting(name) = 'off')) AS settings`;

/**
 * Pins the settings for the whole session. In a statement and not in the start-up packet, as PgBouncer refuses parameters
 * that it does not know. A statement overrides ALTER ROLE, ALTER DATABASE and the configuration, at
 * the beginning as well as later.
 */
export async function pinSettings(client: ClientBase, limits: SessionLimits): Promise<Backend> {
  const settings = {
    ...pinnedSettings,
    synchronous_commit: 'on',
    statement_timeout: String(limits.statementTimeoutMs),
    lock_timeout: String(limits.lockTimeoutMs),
  };
  const { rows } = await client.query<Backend>(applySettings, [
    Object.keys(settings),
    Object.values(settings),
  ]);
  return rows[0]!;
}
