import { appRuntimeFile, readRuntimeFile, systemRuntimeFile } from '#scripts/runtime-file.mjs';
import { Failure, Refusal } from './failure';

const TIMEOUT_MS = 30_000;

export interface Central {
  url: string;
  authorization?: string;
}

/** The operator of `npm start` is known only to the central that runs here. @throws Failure */
export function findCentral(centralUrl: string | undefined): Central {
  const runtime = readRuntimeFile(systemRuntimeFile) ?? readRuntimeFile(appRuntimeFile('central'));
  const url = (centralUrl ?? runtime?.centralUrl)?.replace(/\/+$/, '');
  if (url === undefined) {
    throw new Failure(
      'Rivulet is not running here: start it with npm start in another terminal, or say --central.',
    );
  }
  const apiKey = process.env['RIVULET_API_KEY'];
  if (apiKey !== undefined && apiKey !== '') return { url, authorization: `Bearer ${apiKey}` };
  if (runtime?.operatorUsername === undefined || runtime.centralUrl !== url) return { url };
  const { operatorUsername, operatorPassword = '' } = runtime;
  const credentials = Buffer.from(`${operatorUsername}:${operatorPassword}`).toString('base64');
  return { url, authorization: `Basic ${credentials}` };
}

/** @param path - below /api @param body - to be posted @throws Failure in the words of central */
export async function callCentral<T>(
  { url, authorization }: Central,
  path: string,
  body?: object,
): Promise<T> {
  const own = authorization === undefined ? {} : { authorization };
  const request =
    body === undefined
      ? { headers: own }
      : {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...own },
          body: JSON.stringify(body),
        };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(`${url}/api/${path}`, { ...request, signal }).catch((error: unknown) => {
    throw new Failure(
      `Central at ${url} does not answer: ${reasonOf(error)}. See whether it runs there, and whether this machine reaches it.`,
    );
  });
  const answer = (await response.json().catch(() => undefined)) as
    (T & { detail?: string; nextStep?: string }) | undefined;
  if (answer === undefined)
    throw new Failure(`What answers at ${url} is not central: it sends no JSON. Give the URL of central.`);
  if (response.ok) return answer;
  const text = `Central answered: ${answer.detail ?? response.status} ${answer.nextStep ?? ''}`.trim();
  throw response.status === 401 || response.status === 403 ? new Refusal(text) : new Failure(text);
}

/** fetch says no more than "fetch failed". */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
