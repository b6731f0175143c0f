import { RivuletError } from '@rivulet/errors';

const OWN_DATABASE =
  'Set CENTRAL_DATABASE_URL (central) or EDGE_DATABASE_URL (edge) to a PostgreSQL of your own.';

/** The error of everything that keeps the embedded server from running: the cause in one sentence, and the way out. */
export function serverUnavailable(
  reason: string,
  nextStep: string = OWN_DATABASE,
  cause?: unknown,
): RivuletError {
  return new RivuletError('DATABASE_UNAVAILABLE', `The embedded PostgreSQL cannot be started: ${reason}`, {
    nextStep,
    cause,
  });
}
