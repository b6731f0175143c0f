import type { IncomingMessage } from 'node:http';
import { RivuletError } from '@rivulet/errors';
import type { FastifyInstance } from 'fastify';

const BODILESS = new Set(['GET', 'HEAD']);

/** Refuses requests whose head cannot mean anything, before anything else looks at them. */
export function refuseOddRequests(instance: FastifyInstance): void {
  instance.addHook('onRequest', (request, _reply, done) => {
    const detail = oddityOf(request.raw);
    if (detail !== undefined) done(new RivuletError('REQUEST_INVALID', detail));
    else done(refusedEncoding(request.raw));
  });
}

/** `GET http://central/health` means `/health`: a server must take this form as well (RFC 9112, 3.2.2). */
export function pathOnly({ url = '/' }: { url?: string }): string {
  if (url.startsWith('/')) return url;
  const absolute = /^https?:\/\/[^/?#]*/i.exec(url);
  // The asterisk of OPTIONS: no route of ours.
  if (absolute === null) return `/${url}`;
  const rest = url.slice(absolute[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** Whether a request would be refused here. */
export function isOdd(request: IncomingMessage): boolean {
  return oddityOf(request) !== undefined || refusedEncoding(request) !== undefined;
}

function oddityOf({ httpVersionMinor, rawHeaders, method, headers }: IncomingMessage): string | undefined {
  if (headers.host === undefined && httpVersionMinor >= 1) return 'The request has no Host header.';
  if (hasTwoHosts(rawHeaders)) return 'The request has more than one Host header.';
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    return `The server cannot do what the Expect header asks for; it knows 100-continue alone.`;
  }
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody && BODILESS.has(method ?? '') ? `A ${method} request has no body.` : undefined;
}

/** Names and values take turns in `rawHeaders`. */
function hasTwoHosts(rawHeaders: string[]): boolean {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts > 1;
}

function refusedEncoding({ headers }: IncomingMessage): RivuletError | undefined {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return undefined;
  return new RivuletError('MEDIA_TYPE_UNSUPPORTED', 'The body has a Content-Encoding; send it as it is.');
}
