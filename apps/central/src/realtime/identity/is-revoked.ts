import { isTransient } from '@rivulet/errors';
import { namedError } from '@rivulet/platform';
import type { Identity } from '../rules/identity';

/** Whether central knows by now that this device or operator must not stay. While it cannot look, who is there stays. */
export async function isRevoked({ stillServed }: Identity): Promise<boolean> {
  if (stillServed === undefined) return false;
  return stillServed().then(
    () => false,
    (error: unknown) => !isTransient(namedError(error).code),
  );
}
