import { errorCatalogue, isTransient, type ErrorCode } from './error-catalogue';

export interface FieldError {
  /** Path of the field in the request, such as `tables[2].checksum`. */
  field: string;
  /** What is wrong with it, as a sentence fragment: `must be a ULID`. */
  reason: string;
}

export interface RivuletErrorOptions {
  /** What the reader can do, where the place that raises the error knows better than the catalogue. */
  nextStep?: string;
  errors?: FieldError[];
  /** When trying again makes sense, in seconds. Sent as Retry-After. */
  retryAfterSeconds?: number;
  cause?: unknown;
}

/**
 * An error with a name of its own. `message` is a sentence for the user that names the thing and the reason;
 * it never holds a secret, a stack or SQL that the user did not write.
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

  /** Whether a later attempt can succeed with nobody doing anything. */
  get isTransient(): boolean {
    return isTransient(this.code);
  }
}
