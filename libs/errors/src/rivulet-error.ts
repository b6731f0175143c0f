import { errorCatalogue, isTransient, type ErrorCode } from './error-catalogue';

export interface FieldError {
  /** Path of the field in the request, such as `tables[2].checksum`. */
  field: string;
  /** The problem, as a sentence fragment: `must be a ULID`. */
  reason: string;
}

export interface RivuletErrorOptions {
  /** Overrides the next step of the catalogue. */
  nextStep?: string;
  errors?: FieldError[];
  /** When to retry, in seconds. Sent as Retry-After. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/**
 * An error with a code of the catalogue. `message` is a sentence for the user with the object and the reason; it never
 * contains a secret, a stack trace or SQL that the user did not write.
 */
export class RivuletError extends Error {
  readonly code: ErrorCode;
  readonly nextStep: string;
  readonly errors: FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: RivuletErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RivuletError';
    this.code = code;
    this.nextStep = options.nextStep ?? errorCatalogue[code].nextStep;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** Whether a retry can succeed without intervention. */
  get isTransient(): boolean {
    return isTransient(this.code);
  }
}
