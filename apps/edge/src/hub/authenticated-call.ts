import { RivuletError } from '@rivulet/errors';
import type { CallAuthentication } from './call-authentication';

/** A call with what shows who this device is; once more with a new proof, where central does not take the one it has. */
export async function authenticatedCall<T>(
  authentication: CallAuthentication,
  signal: AbortSignal,
  work: (headers: Record<string, string>) => Promise<T>,
): Promise<T> {
  const call = async (): Promise<T> => work(await authentication.headers(signal));
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RivuletError) || !authentication.renew(error.code)) throw error;
    return call();
  }
}
