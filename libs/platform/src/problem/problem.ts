import { errorCatalogue, type ErrorCode, type FieldError, type RivuletError } from '@rivulet/errors';
import { errorStatus } from './error-status';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** RFC 9457, with the members `code`, `nextStep`, `requestId` and `errors` of our own. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  nextStep: string;
  /** The path of the request. */
  instance: string;
  requestId: string;
  errors?: FieldError[];
}

/** The answer to the caller. The cause of an error is for the log alone. */
export function problemOf(error: RivuletError, at: { instance: string; requestId: string }): Problem {
  return {
    type: problemType(error.code),
    title: errorCatalogue[error.code].title,
    status: errorStatus[error.code],
    detail: error.message,
    code: error.code,
    nextStep: error.nextStep,
    ...at,
    ...(error.errors && { errors: error.errors }),
  };
}

export function problemType(code: ErrorCode): string {
  return `urn:rivulet:problem:${code.toLowerCase().replaceAll('_', '-')}`;
}
