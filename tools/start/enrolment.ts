import { Failure } from '../failure';
import { basicOf, type LocalOperator } from './local-operator';

const TIMEOUT_MS = 10_000;

/** Has central make a token with which the device of this MAC address can enter its key. @throws Failure */
export async function makeEnrolmentToken(
  centralUrl: string,
  operator: LocalOperator,
  macAddress: string,
): Promise<string> {
  const response = await fetch(`${centralUrl}/api/enrolment-tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: basicOf(operator) },
    body: JSON.stringify({ macAddress }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const { token, detail } = (await response.json()) as { token?: string; detail?: string };
  if (token === undefined)
    throw new Failure(`central makes no enrolment token: ${detail ?? response.status}.`);
  return token;
}
