import { RivuletError } from '@rivulet/errors';
import type { OperatorPrincipal } from '../operator-principal';

/**
 * For changes of users and their credentials: a leaked key must neither lock its owner out nor make itself a way in that
 * lasts longer than the key.
 *
 * @throws RivuletError ROLE_INSUFFICIENT
 */
export function refuseApiKey(operator: Pick<OperatorPrincipal, 'via'> | undefined): void {
  if (operator?.via !== 'api-key') return;
  throw new RivuletError('ROLE_INSUFFICIENT', 'An API key changes neither users nor what they log in with.');
}
