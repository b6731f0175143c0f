import type { ErrorMarks } from './error-marks';
import { sqlState, type SqlState } from './sql-state';

/** Fields of an error that PostgreSQL reported. https://www.postgresql.org/docs/current/protocol-error-fields.html */
export interface PostgresError extends Error, ErrorMarks {
  /** SQLSTATE, five characters. */
  code: string;
  detail?: string;
  hint?: string;
  /** The context, such as `COPY users, line 3, column name: "…"`. */
  where?: string;
  /** The object that the error is about, where there is one. */
  schema?: string;
  table?: string;
  column?: string;
  constraint?: string;
  /** Position in the statement, counted in characters from 1. */
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

/** Whether it is an error of PostgreSQL with one of these SQLSTATEs. */
export function hasSqlState(error: unknown, ...states: SqlState[]): error is PostgresError {
  return isPostgresError(error) && (states as string[]).includes(error.code);
}

/**
 * Whether a statement could not run for reasons outside itself: a lost connection, a conflict with other transactions
 * (on a standby: with recovery), no resources, a lock, a cancellation.
 */
export function isTransientRefusal(error: PostgresError): boolean {
  return /^(08|25P0|40|53|55|57|58)/.test(error.code);
}

/** Whether a statement conflicted with locks of other transactions or, on a standby, with recovery. */
export function isConflict({ code }: PostgresError): boolean {
  return code === sqlState.lockNotAvailable || code.startsWith('40');
}

/**
 * Whether an error says nothing of the statement: the session is over, as the server ends or somebody ended it or it sat
 * idle or a transaction took longer than the server allows; or somebody cancelled the statement.
 */
export function isInterruption(error: PostgresError): boolean {
  return /^(08|25P0|57P)/.test(error.code) || error.cancelledByOthers === true;
}

/** PostgreSQL's words, when an error of pg or TypeORM says that somebody or a limit of the server stopped the work. */
export function interruptionReason(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (isPostgresError(error)) {
    return error.code.startsWith('25P0') || error.cancelledByOthers === true ? error.message : undefined;
  }
  return interruptionReason((error as { driverError?: unknown }).driverError);
}
