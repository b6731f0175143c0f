import { sendToParent } from '@rivulet/app-process';
import { RivuletError } from '@rivulet/errors';
import { redactSecrets } from '../logging/redaction';
import { namedError, sentence } from '../problem/named-error';

/**
 * Says in one sentence why the app does not start and in another what to do about it, on standard error and to a
 * parent process. An error without a name is a fault of ours, so its stack is shown.
 */
export async function reportStartFailure(error: unknown, name = 'The app'): Promise<void> {
  const { code, message, nextStep } = startFailureOf(error);
  const stack = code === 'INTERNAL' && error instanceof Error ? `\n${error.stack}` : '';
  process.stderr.write(redactSecrets(`${name} did not start: ${message} ${nextStep}${stack}\n`));
  await sendToParent({
    type: 'start-failed',
    code,
    message: redactSecrets(message),
    nextStep: redactSecrets(nextStep),
  });
}

function startFailureOf(error: unknown): RivuletError {
  const named = namedError(error);
  if (named.code !== 'INTERNAL' || !(error instanceof Error) || error instanceof RivuletError) return named;
  return new RivuletError('INTERNAL', sentence(error.message.split('\n', 1)[0]!), {
    nextStep: 'This is a fault in Rivulet; please report it with the lines below.',
  });
}
