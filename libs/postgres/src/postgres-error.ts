import { sqlState, type SqlState } from './sql-state';

/** Fields of an error that PostgreSQL reported. https://www.postgresql.org/docs/current/protocol-error-fields.html */
export interface PostgresError extends Error {
  /** SQLSTATE, five characters. */
  code: string;
  detail?: string;
  hint?: string;
  /** What PostgreSQL was at, such as `COPY users, line 3, column name: "…"`. */
  where?: string;
  /** Where in the statement, as a 1-based count of characters. */
  position?: string;
  /** The function of PostgreSQL that reported it. */
  routine?: string;
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

export function isPostgresError(error: unknown): error is PostgresError {
  return (
    error instanceof Error &&
    'severity' in error &&
    'code' in error &&
    typeof error.code === 'string' &&
    SQLSTATE.test(error.code)
  );
}

/** Whether PostgreSQL reported one of these. */
export function hasSqlState(error: unknown, ...states: SqlState[]): error is PostgresError {
  return isPostgresError(error) && (states as string[]).includes(error.code);
}

/**
 * Whether an error says that the statement could not be run just then, and nothing of the statement itself: a lost
 * connection, a conflict with others (on a standby: with recovery), no resources, a lock, a cancellation.
 */
export function isTransientRefusal(error: PostgresError): boolean {
  return /^(08|40|53|55|57|58)/.test(error.code);
}

/** Whether a statement lost against others who lock the tables, or on a standby against what came from its primary. */
export function isConflict({ code }: PostgresError): boolean {
  return code === sqlState.lockNotAvailable || code.startsWith('40');
}

/** Whether an error says that the session is over, not that the statement was wrong: the server ends, or ended it. */
export function endsSession(error: PostgresError): boolean {
  return /^(08|57P)/.test(error.code);
}
