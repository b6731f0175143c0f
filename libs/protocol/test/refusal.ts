import { RivuletError } from '@rivulet/errors';

/** The error with which something was refused; anything but a RivuletError is passed on. */
export function refusalOf(work: () => unknown): RivuletError {
  try {
    work();
  } catch (error) {
    if (error instanceof RivuletError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}
