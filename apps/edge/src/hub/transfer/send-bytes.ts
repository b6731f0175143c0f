import { once } from 'node:events';
import { Agent, request as requestPlain, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as requestSecure } from 'node:https';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { SecureContextOptions } from 'node:tls';

export interface BytesRequest {
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body: Buffer;
  signal: AbortSignal;
}

/** Central closes connections that have been idle for longer. */
const IDLE_MS = 4_000;

const agents = {
  plain: new Agent({ keepAlive: true, timeout: IDLE_MS }),
  secure: new SecureAgent({ keepAlive: true, timeout: IDLE_MS }),
};

/** Statuses whose answers have no body. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * Sends bytes, of which fetch() makes copies that stay until garbage is collected: 60 MiB of them while a million rows go
 * up. Answers and fails as fetch() does, and follows no redirect. After a success all bytes have been sent, so that their
 * memory may be freed.
 *
 * @param tls - other files than those that Node trusts
 */
export async function sendBytes(
  url: URL,
  { method, headers, body, signal }: BytesRequest,
  tls: SecureContextOptions = {},
): Promise<Response> {
  const options = { method, headers: { ...headers, 'content-length': String(body.length) }, signal };
  const outgoing =
    url.protocol === 'https:'
      ? requestSecure(url, { ...options, ...tls, agent: agents.secure })
      : requestPlain(url, { ...options, agent: agents.plain });
  // It may break once nobody waits for it; then the answer does, too.
  outgoing.on('error', () => undefined);
  outgoing.end(body);
  try {
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    if (isSuccess(answer)) await allSent(outgoing, signal);
    return responseOf(answer);
  } catch (error) {
    throw signal.aborted ? signal.reason : new TypeError('fetch failed', { cause: error });
  }
}

async function allSent(outgoing: ClientRequest, signal: AbortSignal): Promise<void> {
  if (outgoing.writableFinished) return;
  await Promise.race([once(outgoing, 'finish', { signal }), once(outgoing, 'close')]);
  if (!outgoing.writableFinished) throw new Error('the connection was closed before all was sent');
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function responseOf(answer: IncomingMessage): Response {
  const { statusCode: status = 0 } = answer;
  const headers = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  if (!WITHOUT_BODY.has(status)) return new Response(streamOf(answer), { status, headers });
  answer.resume();
  return new Response(null, { status, headers });
}

function streamOf(body: Readable): ReadableStream<Uint8Array<ArrayBuffer>> {
  return Readable.toWeb(body) as ReadableStream<Uint8Array<ArrayBuffer>>;
}
