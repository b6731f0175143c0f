import type { ErrorMarks } from './error-marks';

/** Socket errors of a database connection. */
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ENOENT',
]);

const SOCKET_CALLS = new Set(['connect', 'read', 'write', 'getaddrinfo']);

/**
 * SQLSTATE classes 08 (connection exception) and 28 (authorization), operator intervention other than a cancelled
 * query, too many connections, a database that does not exist, and one that takes no writes.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const SQLSTATE = /^(08\w{3}|28\w{3}|57P0[1-5]|53300|3D000|25006)$/;

/** Errors of pg and pg-pool that have no code. */
const MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after calling end|Client was closed)/;

/** SQLSTATEs for which a retry with the same URL does not help. */
const PERMANENT = /^(28\w{3}|3D000|42501)$/;

/** Any that a connection is refused with. */
const ANY_SQLSTATE = /^[0-9A-Z]{5}$/;

/**
 * Whether an error of pg or TypeORM means that the database is unavailable, not that a statement failed. Does not follow
 * causes: a failed request to another server also has a refused connection as its cause.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  return databaseFailure(error) !== undefined;
}

export function isPermanentDatabaseFailure(error: unknown): boolean {
  return PERMANENT.test(databaseFailure(error) ?? '');
}

/** `57P01`, `ECONNREFUSED` … or the driver's message. Safe to show, as it contains neither host nor user. */
export function databaseFailure(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, driverError, refusesConnection } = error as ErrorMarks & {
    code?: unknown;
    syscall?: unknown;
    driverError?: unknown;
  };
  const states = refusesConnection === true ? ANY_SQLSTATE : SQLSTATE;
  if (error.name === 'SilentConnectionError') return error.message;
  if (typeof code === 'string' && states.test(code)) return code;
  if (NETWORK_CODES.has(String(code)) && SOCKET_CALLS.has(String(syscall))) return String(code);
  if (MESSAGES.test(error.message)) return error.message;
  if (driverError !== undefined && driverError !== error) return databaseFailure(driverError);
  // Node tries every address of a name and throws an AggregateError.
  const attempts: unknown[] = error instanceof AggregateError ? error.errors : [];
  return attempts.map(databaseFailure).find((reason) => reason !== undefined);
}

/**
 * PostgreSQL's words when it refuses a connection for a reason that its code alone does not tell: no CONNECT privilege, or
 * a database that lets nobody in.
 */
export function refusalWords(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, refusesConnection, driverError } = error as ErrorMarks & {
    code?: string;
    driverError?: unknown;
  };
  if (refusesConnection === true && code !== undefined && ANY_SQLSTATE.test(code)) {
    return SQLSTATE.test(code) ? undefined : error.message;
  }
  return driverError === error ? undefined : refusalWords(driverError);
}

/** The result of databaseFailure(), with PostgreSQL's words where its code alone does not tell. */
export function describeDatabaseFailure(error: unknown): string | undefined {
  const failure = databaseFailure(error);
  const words = refusalWords(error);
  return failure === undefined || words === undefined ? failure : `${failure}: ${words}`;
}
