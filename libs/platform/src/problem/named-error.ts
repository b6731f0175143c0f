import { HttpException } from '@nestjs/common';
import { RivuletError, type ErrorCode } from '@rivulet/errors';
import {
  databaseFailure,
  describeDatabaseFailure,
  hasSqlState,
  interruptionReason,
  sqlState,
} from '@rivulet/postgres';

/** Seconds until trying again makes sense, where the place that raised the error does not say. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  REQUEST_TIMEOUT: 1,
  SERVER_BUSY: 10,
  SHUTTING_DOWN: 5,
  DATABASE_UNAVAILABLE: 10,
  SOURCE_UNAVAILABLE: 10,
  DATABASE_INTERRUPTED: 5,
  DATABASE_FULL: 30,
  DATABASE_TABLES_MISSING: 60,
  MIRROR_BUSY: 10,
};

const READ_ONLY_CURE =
  'Check that the database URL names the primary and no standby, and that default_transaction_read_only is off. ' +
  'Sessions that are open keep what they began with: end them with pg_terminate_backend(), or restart the app.';

/** Fastify's codes for a request that it could not read. */
const FASTIFY_ERRORS: Record<string, [ErrorCode, string]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['MEDIA_TYPE_UNSUPPORTED', 'The body is not sent as application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['REQUEST_TOO_LARGE', 'The body is larger than this route accepts.'],
  FST_ERR_CTP_INVALID_JSON_BODY: [
    'REQUEST_INVALID',
    'The body is not JSON, or has a key that is not allowed.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['REQUEST_INVALID', 'The body is not as long as Content-Length says.'],
  FST_ERR_BAD_URL: ['REQUEST_INVALID', 'The path has a percent sign that encodes nothing.'],
  FST_ERR_MAX_PARAM_LENGTH: ['REQUEST_INVALID', 'A part of the path is longer than any that exists.'],
};

const CODES_OF_STATUS: Record<number, ErrorCode> = {
  404: 'ROUTE_UNKNOWN',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'REQUEST_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  429: 'RATE_LIMITED',
  503: 'SERVER_BUSY',
};

/** Gives anything that was thrown its name. Anything without one is INTERNAL, with the thing itself as its cause. */
export function namedError(thrown: unknown): RivuletError {
  if (thrown instanceof RivuletError) return thrown;

  const { code } = (thrown instanceof HttpException ? (thrown.cause ?? {}) : (thrown ?? {})) as {
    code?: unknown;
  };
  const known = typeof code === 'string' ? FASTIFY_ERRORS[code] : undefined;
  if (known) return new RivuletError(...known);

  const status = statusOf(thrown);
  if (status !== undefined && (status < 500 || status === 503)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new RivuletError(CODES_OF_STATUS[status] ?? 'REQUEST_INVALID', sentence(message));
  }

  return (
    namedDatabaseError(thrown) ??
    new RivuletError('INTERNAL', 'The server met an error that it does not know.', { cause: thrown })
  );
}

function namedDatabaseError(thrown: unknown): RivuletError | undefined {
  const interruption = interruptionReason(thrown);
  if (interruption !== undefined) {
    return new RivuletError('DATABASE_INTERRUPTED', `The database interrupted the work: ${interruption}.`, {
      cause: thrown,
    });
  }
  if (hasSqlState(driverError(thrown), sqlState.diskFull)) {
    return new RivuletError('DATABASE_FULL', 'The database has no room to write.', { cause: thrown });
  }
  const missing = missingTable(thrown);
  if (missing !== undefined) {
    return new RivuletError('DATABASE_TABLES_MISSING', `The database lacks a table of Rivulet: ${missing}.`, {
      cause: thrown,
    });
  }
  const failure = databaseFailure(thrown);
  if (failure === undefined) return undefined;
  if (failure === sqlState.readOnlyTransaction) {
    return new RivuletError('DATABASE_UNAVAILABLE', `The database takes no writes (${failure}).`, {
      nextStep: READ_ONLY_CURE,
      cause: thrown,
    });
  }
  const reason = describeDatabaseFailure(thrown);
  return new RivuletError('DATABASE_UNAVAILABLE', `The database is not available (${reason}).`, {
    cause: thrown,
  });
}

/** PostgreSQL's words, in whichever language, name the table. A query of a dataset has an error of its own. */
function missingTable(thrown: unknown): string | undefined {
  const error = driverError(thrown);
  const isMissing = hasSqlState(
    error,
    sqlState.undefinedTable,
    sqlState.undefinedColumn,
    sqlState.invalidSchemaName,
  );
  // TypeORM asks for nothing but our own tables.
  return isMissing && (error !== thrown || error.message.includes('rivulet.')) ? error.message : undefined;
}

/** TypeORM puts the error of pg into one of its own. */
function driverError(thrown: unknown): unknown {
  return (thrown as { driverError?: unknown } | undefined)?.driverError ?? thrown;
}

export function retryAfterSeconds(error: RivuletError): number | undefined {
  return error.retryAfterSeconds ?? RETRY_AFTER_SECONDS[error.code];
}

/** 4xx and 503 of Nest's exceptions, of Fastify's errors and of others with a status of their own. */
function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const { statusCode } = (thrown ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' && statusCode >= 400 ? statusCode : undefined;
}

export function sentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}
