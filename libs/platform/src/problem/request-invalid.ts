import { RivuletError, type FieldError } from '@rivulet/errors';

const ERRORS_IN_DETAIL = 3;

/** REQUEST_INVALID for these fields, the first of which stand in the message. */
export function requestInvalid(errors: FieldError[]): RivuletError {
  const named = errors.slice(0, ERRORS_IN_DETAIL).map(({ field, reason }) => `${field} ${reason}`);
  const more = errors.length > ERRORS_IN_DETAIL ? ['more in errors'] : [];
  return new RivuletError('REQUEST_INVALID', `${[...named, ...more].join('; ')}.`, { errors });
}
