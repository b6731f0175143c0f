import { RivuletError } from '@rivulet/errors';

const OWN_DATABASE =
  'Set CENTRAL_DATABASE_URL (central) or EDGE_DATABASE_URL (edge) to a PostgreSQL of your own.';

/** The error for everything that prevents the embedded server from running: the cause and the next step. */
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
