import type { Logger } from '@nestjs/common';
import type { RivuletError } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';

/** Turns any error into one of Rivulet's. An unknown error is logged with its stack, for a person to see. */
export function namingErrors(logger: Logger, message: string): (error: unknown) => RivuletError {
  return (error) => {
    const named = namedError(error);
    if (named.code === 'INTERNAL') logger.error(error, message);
    return named;
  };
}
