/** The fields of an error that a log line shows. */
export interface ErrorSummary {
  type: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: ErrorSummary;
}

const MAX_DEPTH = 4;

/**
 * Type, message, code, stack and causes alone. pino's own serializer copies every property of an error, and those of
 * a database error hold the statement, its parameters and the conflicting row.
 */
export function errorSummary(error: unknown, depth = 0): ErrorSummary {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { code } = error as { code?: unknown };
  return {
    type: error.constructor.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(error.cause !== undefined && depth < MAX_DEPTH && { cause: errorSummary(error.cause, depth + 1) }),
  };
}
