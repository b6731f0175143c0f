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
const PERMANENT = /^(28\w{3}|3D000)$/;

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
  const { code, syscall, driverError } = error as {
    code?: unknown;
    syscall?: unknown;
    driverError?: unknown;
  };
  if (typeof code === 'string' && SQLSTATE.test(code)) return code;
  if (NETWORK_CODES.has(String(code)) && SOCKET_CALLS.has(String(syscall))) return String(code);
  if (MESSAGES.test(error.message)) return error.message;
  if (driverError !== undefined && driverError !== error) return databaseFailure(driverError);
  // Node tries every address of a name and throws an AggregateError.
  const attempts: unknown[] = error instanceof AggregateError ? error.errors : [];
  return attempts.map(databaseFailure).find((reason) => reason !== undefined);
}
