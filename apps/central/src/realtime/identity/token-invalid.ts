import { RivuletError } from '@rivulet/errors';

export function tokenInvalid(reason: string): RivuletError {
  return new RivuletError('REALTIME_TOKEN_INVALID', `The token is not valid. ${reason}`);
}
