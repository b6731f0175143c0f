import { RivuletError } from '@rivulet/errors';

/** Tells a device to retry; after a random delay, unless one is given, so that not all return at once. */
export function serverBusy(
  message: string,
  retryAfterSeconds = 2 + Math.floor(Math.random() * 8),
): RivuletError {
  return new RivuletError('SERVER_BUSY', message, { retryAfterSeconds });
}
